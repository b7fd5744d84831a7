{{/*
Validate the values; fail with one line for each fault: the value, what is wrong, the fix.
values.schema.json checks types, names and choices.
*/}}
{{- define "site.validate" -}}
{{- $faults := list -}}

{{- $repository := "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)+$" -}}
{{- $digest := "^sha256:[0-9a-f]{64}$" -}}
{{- $octet := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" -}}
{{- $four := printf "%s(\\.%s){3}/([0-9]|[12][0-9]|3[0-2])" $octet $octet -}}
{{- $groups := "([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,6})?" -}}
{{- $six := printf "([0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}|%s::%s)/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])" $groups $groups -}}
{{- $network := printf "^(%s|%s)$" $four $six -}}
{{- $host := "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$" -}}

{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .Release.Name) }}
{{- $faults = append $faults (printf "the name of the release: %q is not a valid start of a Service's name; write a letter first, then a-z, 0-9 and -" .Release.Name) }}
{{- end }}
{{- if not (regexMatch "^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$" .Values.site.url) }}
{{- $faults = append $faults (printf "site.url: %q is not an address of a site; write https:// and a host, without a path" .Values.site.url) }}
{{- end }}
{{- if not (regexMatch "^[0-9a-f]{40}$" .Values.release.commit) }}
{{- $faults = append $faults (printf "release.commit: %q is not a commit; `pipelines chart` writes it, as 40 hex digits" .Values.release.commit) }}
{{- end }}
{{- if not (regexMatch "^[0-9a-f]{64}$" .Values.release.site) }}
{{- $faults = append $faults (printf "release.site: %q is not the digest of a tree; `pipelines chart` writes it, as 64 hex digits" .Values.release.site) }}
{{- end }}
{{- if not (regexMatch "^/assets/[A-Za-z0-9._-]+\\.[0-9a-f]{8}\\.[a-z0-9]+$" .Values.release.asset) }}
{{- $faults = append $faults (printf "release.asset: %q is not a hashed asset; `pipelines chart` writes it, as /assets/name.<8 hex digits>.css" .Values.release.asset) }}
{{- end }}

{{- $images := dict "web" .Values.web.image }}
{{- if .Values.api.enabled }}{{ $_ := set $images "api" .Values.api.image }}{{ end }}
{{- range $name, $image := $images }}
{{- if not (regexMatch $repository $image.repository) }}
{{- $faults = append $faults (printf "%s.image.repository: %q is not a repository; write host/path without tag and digest, as in registry.example.org/me/site/%s" $name $image.repository $name) }}
{{- end }}
{{- if hasKey $image "tag" }}
{{- $faults = append $faults (printf "%s.image.tag: %v may name another image tomorrow; remove it, and write %s.image.digest" $name $image.tag $name) }}
{{- end }}
{{- if not (regexMatch $digest $image.digest) }}
{{- $faults = append $faults (printf "%s.image.digest: %q is not a digest; write sha256: and 64 hex digits, not a tag" $name $image.digest) }}
{{- end }}
{{- end }}

{{- $networks := dict "cluster.pods" .Values.cluster.pods "edge.trusted" .Values.edge.trusted "web.bucket.networks" .Values.web.bucket.networks }}
{{- if .Values.api.enabled }}
{{- $_ := set $networks "api.mail.networks" .Values.api.mail.networks }}
{{- $_ := set $networks "database.external.networks" .Values.database.external.networks }}
{{- end }}
{{- range $name, $list := $networks }}
{{- range $list }}
{{- if not (regexMatch $network .) }}
{{- $faults = append $faults (printf "%s: %q is not a network; write it as 192.0.2.0/24, one host as 192.0.2.7/32" $name .) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $secret := dict "api.secret" .Values.api.secret "api.mail.secret" .Values.api.mail.secret "database.operator.secret" .Values.database.operator.secret "database.external.secret" .Values.database.external.secret "edge.ingress.tlsSecret" .Values.edge.ingress.tlsSecret }}
{{- if and $secret (not (regexMatch $host $secret)) }}
{{- $faults = append $faults (printf "%s: %q is not the name of a Secret; write it as `kubectl get secrets` lists it" $name $secret) }}
{{- end }}
{{- end }}
{{- range .Values.images.pullSecrets }}
{{- if not (regexMatch $host .) }}
{{- $faults = append $faults (printf "images.pullSecrets: %q is not the name of a Secret; write it as `kubectl get secrets` lists it" .) }}
{{- end }}
{{- end }}
{{- if not (regexMatch $host .Values.cluster.domain) }}
{{- $faults = append $faults (printf "cluster.domain: %q is not a domain; write it as cluster.local, the default of most clusters" .Values.cluster.domain) }}
{{- end }}
{{- if not (regexMatch "^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:]+\\])(:[0-9]{1,5})?$" .Values.cluster.dns.host) }}
{{- $faults = append $faults (printf "cluster.dns.host: %q is not a host; write the Service's name or address, IPv6 in brackets" .Values.cluster.dns.host) }}
{{- end }}
{{- if not .Values.cluster.pods }}
{{- $faults = append $faults "cluster.pods: is empty; write the pod network, as `kubectl cluster-info dump | grep -m1 cluster-cidr` prints it" }}
{{- end }}
{{- if not .Values.edge.trusted }}
{{- $faults = append $faults "edge.trusted: is empty, so all readers would share one rate limit; write the networks of the machines or pods that end TLS" }}
{{- end }}
{{- if and (has .Values.edge.mode (list "ingress" "httproute")) (not .Values.edge.from) }}
{{- $faults = append $faults (printf "edge.from: is empty, so the NetworkPolicy would block all traffic; write the pods of the %s controller, as in [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}]" .Values.edge.mode) }}
{{- end }}
{{- if and (eq .Values.edge.mode "httproute") (not .Values.edge.httproute.parentRefs) }}
{{- $faults = append $faults "edge.httproute.parentRefs: is empty; write the Gateway, as in [{name: public, namespace: gateway}]" }}
{{- end }}
{{- with .Values.edge.nodeport.port }}
{{- if or (lt (int .) 30000) (gt (int .) 32767) }}
{{- $faults = append $faults (printf "edge.nodeport.port: %v is not a node port; write 30000 to 32767, or 0 to let the cluster choose" .) }}
{{- end }}
{{- end }}
{{- range $name, $replicas := dict "web.replicas" .Values.web.replicas "api.replicas" .Values.api.replicas }}
{{- if and (kindIs "string" $replicas) (ne $replicas "unmanaged") }}
{{- $faults = append $faults (printf "%s: %q is not a number of pods; write 1 to 100 without quotes, or unmanaged" $name $replicas) }}
{{- end }}
{{- end }}
{{- with .Values.web.autoscale }}
{{- if and .max (gt (int .min) (int .max)) }}
{{- $faults = append $faults (printf "web.autoscale.min: %v is more than web.autoscale.max, %v; write the minimum as min, the maximum as max" .min .max) }}
{{- end }}
{{- if not (regexMatch "^[1-9][0-9]{0,5}m?$" .cpu) }}
{{- $faults = append $faults (printf "web.autoscale.cpu: %q is not an amount of CPU; write it as 200m, a fifth of a core" .cpu) }}
{{- end }}
{{- end }}
{{- with .Values.web.bucket }}
{{- if .url }}
{{- if not (regexMatch "^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$" .url) }}
{{- $faults = append $faults (printf "web.bucket.url: %q is not an address of a bucket; write it as https://host/bucket, without a last slash" .url) }}
{{- end }}
{{- if not .networks }}
{{- $faults = append $faults "web.bucket.networks: is empty, so no pod would reach the bucket; write its networks, or 0.0.0.0/0" }}
{{- end }}
{{- end }}
{{- if and .ca (not (regexMatch "^(\\s*-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----)+\\s*$" .ca)) }}
{{- $faults = append $faults "web.bucket.ca: is not a list of certificates; write them as PEM, with nothing between them" }}
{{- end }}
{{- end }}
{{- range $name, $sources := .Values.web.csp }}
{{- range $sources }}
{{- if regexMatch "[;,\"\\\\${}\\s[:cntrl:]]" (ternary (replace " " "" .) . (eq $name "directives")) }}
{{- $faults = append $faults (printf "web.csp.%s: %q must not contain separators or control characters; write one source an entry, as in https://video.example.org" $name .) }}
{{- end }}
{{- end }}
{{- end }}

{{- if .Values.api.enabled }}
{{- $sqlite := eq .Values.database.mode "sqlite" }}
{{- if not .Values.site.name }}
{{- $faults = append $faults "site.name: is empty; write the name of the site in mails" }}
{{- end }}
{{- if not .Values.api.secret }}
{{- $faults = append $faults "api.secret: is empty; create a Secret by `python -m pipelines secrets`, and write its name" }}
{{- end }}
{{- if and $sqlite (ne (toString .Values.api.replicas) "1") }}
{{- $faults = append $faults (printf "api.replicas: %v must be 1 with database.mode sqlite, a file with one writer; write 1, or change database.mode" .Values.api.replicas) }}
{{- end }}
{{- with .Values.api.mail }}
{{- if not (regexMatch $host .host) }}
{{- $faults = append $faults (printf "api.mail.host: %q is not a host; write the mail server's name, which sends the links for passwords" .host) }}
{{- end }}
{{- if not .networks }}
{{- $faults = append $faults "api.mail.networks: is empty, so the NetworkPolicy would block all mail; write the mail server's network, as 192.0.2.25/32" }}
{{- end }}
{{- if and .from (not (regexMatch "^[^\\s@<>]+@[^\\s@<>]+$" .from)) }}
{{- $faults = append $faults (printf "api.mail.from: %q is not a mail address; write it as login@example.org" .from) }}
{{- end }}
{{- end }}
{{- if eq .Values.database.mode "operator" }}
{{- with .Values.database.operator }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .cluster) }}
{{- $faults = append $faults (printf "database.operator.cluster: %q is not the name of a cluster; write the name of its postgresql resource, as acid-site" .cluster) }}
{{- end }}
{{- if and .namespace (not (regexMatch "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" .namespace)) }}
{{- $faults = append $faults (printf "database.operator.namespace: %q is not a namespace; write a-z, 0-9 and -, or \"\" for that of the release" .namespace) }}
{{- end }}
{{- if not (regexMatch "^[a-zA-Z_][a-zA-Z0-9_-]*$" .name) }}
{{- $faults = append $faults (printf "database.operator.name: %q is not the name of a database; write letters, digits, _ and -" .name) }}
{{- end }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$" .user) }}
{{- $faults = append $faults (printf "database.operator.user: %q is not a role; write it as the postgresql resource does, as site.site_owner" .user) }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq .Values.database.mode "external" }}
{{- with .Values.database.external }}
{{- if not (regexMatch $host .host) }}
{{- $faults = append $faults (printf "database.external.host: %q is not a host; write the database server's name" .host) }}
{{- end }}
{{- if not (regexMatch "^[a-zA-Z_][a-zA-Z0-9_-]*$" .name) }}
{{- $faults = append $faults (printf "database.external.name: %q is not the name of a database; write letters, digits, _ and -" .name) }}
{{- end }}
{{- if not .secret }}
{{- $faults = append $faults "database.external.secret: is empty; write the name of a Secret with the keys username and password" }}
{{- end }}
{{- if not .networks }}
{{- $faults = append $faults "database.external.networks: is empty, so the login would not reach it; write the server's network, as 192.0.2.54/32" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.monitoring }}
{{- if and $.Values.api.enabled .enabled }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" .namespace) }}
{{- $faults = append $faults (printf "monitoring.namespace: %q is not a namespace; write that of Prometheus" .namespace) }}
{{- end }}
{{- if not (regexMatch "^([0-9]+(ms|s|m|h))+$" .interval) }}
{{- $faults = append $faults (printf "monitoring.interval: %q is not a duration; write it as 30s" .interval) }}
{{- end }}
{{- range $key, $_ := .labels }}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $key }}
{{- $faults = append $faults (printf "monitoring.labels: %s is set by the chart; write the label that Prometheus selects, as in {release: prometheus}" $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- $deployments := list (dict "value" (ternary "web.autoscale.max" "web.replicas" (gt (int .Values.web.autoscale.max) 0)) "deployment" (include "site.web" .) "replicas" .Values.web.replicas "autoscaled" .Values.web.autoscale.max) }}
{{- if .Values.api.enabled }}
{{- $deployments = append $deployments (dict "value" "api.replicas" "deployment" (include "site.api" .) "replicas" .Values.api.replicas "autoscaled" 0) }}
{{- end }}
{{- range $deployments }}
{{- with include "site.replicas.unowned" (set . "root" $) }}
{{- $faults = append $faults . }}
{{- end }}
{{- end }}

{{- if $faults }}
{{- printf "\n\n%s\n\n%d fault(s) in the values; nothing is rendered\n" (join "\n" $faults) (len $faults) | fail }}
{{- end }}
{{- end }}

{{/* Names begin with that of the release, so that two sites fit into one namespace. With "-clearsessions" they may
     have 52 letters: the CronJob adds the time to it. */}}
{{- define "site.name" -}}
{{ .Release.Name | trunc 38 | trimSuffix "-" }}
{{- end }}

{{- define "site.web" -}}{{ include "site.name" . }}-web{{- end }}
{{- define "site.api" -}}{{ include "site.name" . }}-api{{- end }}
{{- define "site.peers" -}}{{ include "site.name" . }}-web-peers{{- end }}
{{- define "site.volume" -}}{{ include "site.name" . }}-login{{- end }}

{{/* The version that was published. From a registry, Flux installs it as X.Y.N+<digest>, which no label may hold. */}}
{{- define "site.release" -}}{{ regexReplaceAll "\\+.*$" .Chart.Version "" }}{{- end }}

{{/* A name that resolves from everywhere. NGINX knows no search list. */}}
{{- define "site.host" -}}
{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.cluster.domain }}
{{- end }}

{{- define "site.hostname" -}}{{ (urlParse .Values.site.url).hostname }}{{- end }}

{{/* The port of a URL, as it says or as its scheme has it. */}}
{{- define "site.port" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}

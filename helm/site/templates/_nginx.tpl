{{/* /version.json: equal in every pod of a release. */}}
{{- define "site.version" -}}
{{- $images := dict "web" .Values.web.image.digest }}
{{- if .Values.api.enabled }}{{ $_ := set $images "api" .Values.api.image.digest }}{{ end -}}
{{- dict "version" (include "site.release" .) "commit" .Values.release.commit "site" .Values.release.site "images" $images | toJson }}
{{- end }}

{{/* cluster.conf of the web image; images/web/nginx/cluster/cluster.conf documents each line. */}}
{{- define "site.nginx" -}}
resolver {{ .Values.cluster.dns.host }} valid=10s;
{{- range concat .Values.edge.trusted .Values.cluster.pods | uniq }}
set_real_ip_from {{ . }};
{{- end }}
{{- $api := "" }}
{{- if .Values.api.enabled }}{{ $api = printf "%s:8000" (include "site.host" (dict "root" . "name" (include "site.api.pods" .))) }}{{ end }}
map "" $site_host       { default "{{ include "site.hostname" . | lower }}"; }
map "" $api             { default "{{ $api }}"; }
map "" $peers           { default "{{ include "site.host" (dict "root" . "name" (include "site.peers" .)) }}:8080"; }
map "" $bucket          { default "{{ .Values.web.bucket.url }}"; }
map "" $version         { default "{{ include "site.release" . }}"; }
map "" $whole_addresses { default "{{ ternary "yes" "" .Values.web.wholeAddresses }}"; }
{{- range tuple "script" "style" "img" "font" "connect" "form" }}
map "" $csp_{{ . }} { default "{{ range index $.Values.web.csp . }} {{ . }}{{ end }}"; }
{{- end }}
map "" $csp_directives { default "{{ range .Values.web.csp.directives }}; {{ . }}{{ end }}"; }
{{- end }}

{{/* Files of a web pod: annotations of the pod, which it mounts (decision record 22). */}}
{{- define "site.web.files" -}}
cluster.conf: |
  {{- include "site.nginx" . | nindent 2 }}
{{- with .Values.web.bucket.ca }}
bucket-ca.conf: |
  proxy_ssl_trusted_certificate cluster/bucket-ca.pem;
bucket-ca.pem: |
  {{- trim . | nindent 2 }}
{{- end }}
process.conf: |
  worker_processes {{ .Values.web.workers }};
version.json: |
  {{- include "site.version" . | nindent 2 }}
{{- end }}

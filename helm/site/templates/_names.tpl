{{/* Prefix of all names: the release's name, so that two sites fit into one namespace. Truncated, since a CronJob's name
     ("-clearsessions") has at most 52 characters: its Jobs add the time. */}}
{{- define "site.name" -}}
{{ .Release.Name | trunc 38 | trimSuffix "-" }}
{{- end }}

{{- define "site.web" -}}{{ include "site.name" . }}-web{{- end }}
{{- define "site.api" -}}{{ include "site.name" . }}-api{{- end }}
{{- define "site.api.pods" -}}{{ include "site.api" . }}-pods{{- end }}
{{- define "site.peers" -}}{{ include "site.name" . }}-web-peers{{- end }}
{{- define "site.volume" -}}{{ include "site.name" . }}-login{{- end }}

{{/* The published version. Flux installs a chart from a registry as X.Y.N+<digest>; "+" is invalid in a label. */}}
{{- define "site.release" -}}{{ regexReplaceAll "\\+.*$" .Chart.Version "" }}{{- end }}

{{/* Fully qualified name of a Service: NGINX's resolver has no search list. */}}
{{- define "site.host" -}}
{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.cluster.domain }}
{{- end }}

{{- define "site.hostname" -}}{{ (urlParse .Values.site.url).hostname }}{{- end }}

{{/* The port of a URL: its own, or the default of its scheme. */}}
{{- define "site.port" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}

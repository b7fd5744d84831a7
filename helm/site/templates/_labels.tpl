{{/* Labels that select pods. They must never change: a Deployment's selector is immutable. */}}
{{- define "site.selector" -}}
app.kubernetes.io/name: site
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of objects. Not for pod templates: the version in them would restart the login with every release. */}}
{{- define "site.labels" -}}
{{ include "site.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (include "site.release" .root) }}
{{- end }}

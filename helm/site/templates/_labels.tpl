{{/* What selects pods. Never changes: a Deployment's selector cannot. */}}
{{- define "site.selector" -}}
app.kubernetes.io/name: site
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* For objects, not for the pods in them: the version would restart the login with every text. */}}
{{- define "site.labels" -}}
{{ include "site.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (include "site.release" .root) }}
{{- end }}

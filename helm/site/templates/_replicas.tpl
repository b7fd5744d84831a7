{{/*
The field `replicas` of a Deployment. A number is rendered, and each release sets it again.

"unmanaged", or an autoscaler, leaves the field out, so that no release changes it, and no rollback to one: Helm applies
a stored manifest as it is.
*/}}
{{- define "site.replicas" -}}
{{- if and (not .autoscaled) (ne (toString .replicas) "unmanaged") -}}
replicas: {{ .replicas }}
{{- else -}}
# replicas: left to `kubectl scale` or an autoscaler
{{- end -}}
{{- end }}

{{/*
The fault where the field is to be left out while Helm alone owns it, or nothing. A field that its one owner leaves out
is removed, and the API server fills in 1 (Kubernetes, "Server-Side Apply": "Field management"). A field that nobody
owns, as after a first install without it, stays. `helm template` reads no cluster, and finds no fault.
*/}}
{{- define "site.handover" -}}
{{- if or .autoscaled (eq (toString .replicas) "unmanaged") -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace .deployment -}}
{{- $helms := false -}}
{{- $others := false -}}
{{- range dig "metadata" "managedFields" list $live -}}
{{- if hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas" -}}
{{- /* Helm is who owns its annotation, whatever it is called; or Flux's controller, which corrects drift. `kubectl scale`
       and autoscalers write a subresource. */ -}}
{{- $named := has .manager (list "helm-controller" "helm") -}}
{{- $annotated := hasKey (dig "fieldsV1" "f:metadata" "f:annotations" dict .) "f:meta.helm.sh/release-name" -}}
{{- if and (or $named $annotated) (not (get . "subresource")) -}}
{{- $helms = true -}}
{{- else -}}
{{- $others = true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $helms (not $others) -}}
{{- $metadata := dict "name" .deployment "namespace" .root.Release.Namespace -}}
{{- $field := dict "apiVersion" "apps/v1" "kind" "Deployment" "metadata" $metadata "spec" (dict "replicas" (int $live.spec.replicas)) -}}
{{- printf "%s: Helm alone owns spec.replicas of the Deployment %s, so leaving it out would scale it to 1; hand the field over once, and release again: echo '%s' | kubectl apply --server-side --field-manager=handover --validate=false -f -" .value .deployment (toJson $field) -}}
{{- end -}}
{{- end -}}
{{- end }}

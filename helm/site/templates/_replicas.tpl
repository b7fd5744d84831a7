{{/*
The field `replicas` of a Deployment. A number is rendered, and each release sets it again.

"unmanaged", or an autoscaler, leaves the field out, so that no release changes it. A field that Helm has applied and
then leaves out is removed, unless another manager owns it too, and the API server fills in 1 (Kubernetes, "Server-Side
Apply": "Field management"). So the number that runs stays in the manifest until `kubectl scale` or an autoscaler has
changed it, and thereby owns it. `helm template` reads no cluster: there the field is left out.
*/}}
{{- define "site.replicas" -}}
{{- if and (not .autoscaled) (ne (toString .replicas) "unmanaged") -}}
replicas: {{ .replicas }}
{{- else -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace .deployment -}}
{{- $owned := false -}}
{{- range dig "metadata" "managedFields" list $live -}}
{{- /* Helm is who owns its annotation, whatever it is called; or Flux's controller, which corrects drift. `kubectl scale`
       and autoscalers write a subresource. */ -}}
{{- $named := has .manager (list "helm-controller" "helm") -}}
{{- $annotated := hasKey (dig "fieldsV1" "f:metadata" "f:annotations" dict .) "f:meta.helm.sh/release-name" -}}
{{- $helm := and (or $named $annotated) (not (get . "subresource")) -}}
{{- if and (not $helm) (hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas") -}}
{{- $owned = true -}}
{{- end -}}
{{- end -}}
{{- $running := dig "spec" "replicas" "" $live -}}
{{- if and (not $owned) (ne (toString $running) "") -}}
replicas: {{ $running }} # until another manager owns the field
{{- else -}}
# replicas: left to `kubectl scale` or an autoscaler
{{- end -}}
{{- end -}}
{{- end }}

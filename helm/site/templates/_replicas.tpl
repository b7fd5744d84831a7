{{/*
`replicas` of a Deployment. A number is rendered: each release resets it.

With "unmanaged", or an autoscaler, the field is omitted: no release changes it, and no rollback to such a release, since
Helm applies stored manifests unchanged.
*/}}
{{- define "site.replicas" -}}
{{- if and (not .autoscaled) (ne (toString .replicas) "unmanaged") -}}
replicas: {{ .replicas }}
{{- else -}}
# replicas: left to `kubectl scale` or an autoscaler
{{- end -}}
{{- end }}

{{/*
The fault, or "", where `replicas` would be omitted while Helm is its only owner. A field that its only owner omits is
removed, and the API server defaults it to 1 (Kubernetes, "Server-Side Apply": "Field management"). A field without an
owner, as after a first installation without it, stays. `helm template` reads no cluster and reports no fault.
*/}}
{{- define "site.replicas.unowned" -}}
{{- if or .autoscaled (eq (toString .replicas) "unmanaged") -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace .deployment -}}
{{- $helms := false -}}
{{- $others := false -}}
{{- range dig "metadata" "managedFields" list $live -}}
{{- if hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas" -}}
{{- /* A manager is Helm if it is named so, or owns Helm's annotation; or it is Flux's controller, which corrects drift.
       `kubectl scale` and autoscalers write a subresource. */ -}}
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
{{- printf "%s: Helm alone owns spec.replicas of the Deployment %s, so omitting it would scale it to 1; add another owner once, and release again: echo '%s' | kubectl apply --server-side --field-manager=handover --validate=false -f -" .value .deployment (toJson $field) -}}
{{- end -}}
{{- end -}}
{{- end }}

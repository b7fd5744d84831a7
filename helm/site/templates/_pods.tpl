{{/* Pod fields of every pod: Pod Security "restricted", no token, one user. */}}
{{- define "site.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "site.container" -}}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Spread the pods of one rollout over nodes. Nodes that accept no pods (cordoned, gone) do not count: otherwise a drain
     could wait forever. */}}
{{- define "site.spread" -}}
topologySpreadConstraints:
  - topologyKey: kubernetes.io/hostname
    maxSkew: 1
    whenUnsatisfiable: DoNotSchedule
    nodeAffinityPolicy: Honor
    nodeTaintsPolicy: Honor
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "site.selector" . | nindent 8 }}
{{- end }}

{{- define "site.image" -}}
{{ .repository }}@{{ .digest }}
{{- end }}

{{/* Networks as peers of a NetworkPolicy. */}}
{{- define "site.networks" -}}
{{- range . }}
- ipBlock:
    cidr: {{ . }}
{{- end }}
{{- end }}

{{/* Egress to the DNS, for every pod with an egress rule. */}}
{{- define "site.dns" -}}
- to:
    {{- toYaml .Values.cluster.dns.from | nindent 4 }}
  ports:
    {{- range uniq (list 53 (int .Values.cluster.dns.port)) }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{/* What every pod of this chart is: Pod Security "restricted", no token, one user. */}}
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

{{/* On as many nodes as there are pods. A rollout counts its own pods alone, and a node that takes none
     (cordoned, gone) does not count: else a drain could wait for ever. */}}
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

{{/* Names are asked for by every pod that reaches another one. */}}
{{- define "site.dns" -}}
- to:
    {{- toYaml .Values.cluster.dns.from | nindent 4 }}
  ports:
    {{- range uniq (list 53 (int .Values.cluster.dns.port)) }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

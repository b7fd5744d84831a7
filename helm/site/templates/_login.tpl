{{/* URL of the database, without credentials: libpq reads PGUSER and PGPASSWORD. */}}
{{- define "site.database.url" -}}
{{- with .Values.database -}}
{{- if eq .mode "sqlite" -}}
sqlite:////var/lib/login/login.sqlite3
{{- else if eq .mode "operator" -}}
postgresql://{{ .operator.cluster }}.{{ .operator.namespace | default $.Release.Namespace }}.svc.{{ $.Values.cluster.domain }}:5432/{{ .operator.name }}?sslmode=require
{{- else -}}
postgresql://{{ .external.host }}:{{ .external.port }}/{{ .external.name }}?sslmode={{ .external.sslmode }}
{{- if hasPrefix "verify-" .external.sslmode }}&sslrootcert=/run/secrets/database/ca.crt{{ end }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Secret with the database's credentials. Zalando's operator replaces "_" by "-" in its name. */}}
{{- define "site.database.secret" -}}
{{- with .Values.database -}}
{{- if eq .mode "external" -}}
{{ .external.secret }}
{{- else -}}
{{ .operator.secret | default (printf "%s.%s.credentials.postgresql.acid.zalan.do" (.operator.user | replace "_" "-") .operator.cluster) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Environment of the login (api/config/environment.py): equal in its pods, the migration and the CronJob. */}}
{{- define "site.login.env" -}}
- {name: LOGIN_SITE_URL, value: {{ .Values.site.url | quote }}}
- {name: LOGIN_SITE_NAME, value: {{ .Values.site.name | quote }}}
- {name: LOGIN_SECRET_KEYS_FILE, value: /run/secrets/login/secret-keys}
- {name: LOGIN_ENCRYPTION_KEYS_FILE, value: /run/secrets/login/encryption-keys}
- {name: DATABASE_URL, value: {{ include "site.database.url" . | quote }}}
{{- if ne .Values.database.mode "sqlite" }}
- {name: LOGIN_DATABASE_POOL, value: {{ .Values.database.pool | quote }}}
- {name: LOGIN_POOLER, value: {{ ternary "yes" "no" .Values.database.pooler | quote }}}
- name: PGUSER
  valueFrom:
    secretKeyRef: {name: {{ include "site.database.secret" . | quote }}, key: username}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "site.database.secret" . | quote }}, key: password}
{{- end }}
{{- with .Values.api.mail }}
- {name: LOGIN_MAIL_HOST, value: {{ .host | quote }}}
- {name: LOGIN_MAIL_PORT, value: {{ .port | quote }}}
- {name: LOGIN_MAIL_TLS, value: {{ .tls | quote }}}
{{- if .from }}
- {name: LOGIN_MAIL_FROM, value: {{ .from | quote }}}
{{- end }}
{{- if .secret }}
- {name: LOGIN_MAIL_USER_FILE, value: /run/secrets/mail/user}
- {name: LOGIN_MAIL_PASSWORD_FILE, value: /run/secrets/mail/password}
{{- end }}
{{- end }}
{{- end }}

{{- define "site.login.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: login, mountPath: /run/secrets/login, readOnly: true}
{{- if .Values.api.mail.secret }}
- {name: mail, mountPath: /run/secrets/mail, readOnly: true}
{{- end }}
{{- if eq .Values.database.mode "sqlite" }}
- {name: database, mountPath: /var/lib/login}
{{- else if include "site.database.authority" . }}
- {name: database, mountPath: /run/secrets/database, readOnly: true}
{{- end }}
{{- end }}

{{- define "site.login.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
- name: login
  secret:
    secretName: {{ .Values.api.secret | quote }}
    defaultMode: 0440
    items:
      - {key: secret-keys, path: secret-keys}
      - {key: encryption-keys, path: encryption-keys}
{{- with .Values.api.mail.secret }}
- name: mail
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - {key: user, path: user}
      - {key: password, path: password}
{{- end }}
{{- if eq .Values.database.mode "sqlite" }}
- name: database
  persistentVolumeClaim:
    claimName: {{ include "site.volume" . }}
{{- else if include "site.database.authority" . }}
- name: database
  secret:
    secretName: {{ .Values.database.external.secret | quote }}
    defaultMode: 0440
    items:
      - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}

{{/* "yes" where the server's certificate is verified against a file, else "". */}}
{{- define "site.database.authority" -}}
{{- if and (eq .Values.database.mode "external") (hasPrefix "verify-" .Values.database.external.sslmode) }}yes{{ end -}}
{{- end }}

{{/* nodeSelector and tolerations of the login's pods. */}}
{{- define "site.login.scheduling" -}}
{{- with .Values.api.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.api.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

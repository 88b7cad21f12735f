{{/* What every object has. */}}
{{- define "rescind.name" -}}
{{- if contains "rescind" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-rescind" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "rescind.selector" -}}
app.kubernetes.io/name: rescind
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rescind.labels" -}}
{{ include "rescind.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "rescind.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* A pod, apart from its containers: call it with a dict of root, component. */}}
{{- define "rescind.pod" -}}
{{- $values := .root.Values -}}
# No program asks Kubernetes anything.
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $values.user }}
  runAsGroup: {{ $values.user }}
  fsGroup: {{ $values.user }}
  seccompProfile: {type: RuntimeDefault}
{{- with $values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "rescind.selector" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "rescind.podMetadata" -}}
labels:
  {{- include "rescind.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
{{- with .root.Values.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A container, apart from its command, variables, probes and resources. */}}
{{- define "rescind.container" -}}
image: {{ include "rescind.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* One variable from the shared secret: call it with a dict of root, name, key. */}}
{{- define "rescind.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.secret.name }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{- define "rescind.brokerEnv" -}}
- {name: RESCIND_HOME, value: /tmp/rescind}
{{- $settings := merge (dict) .Values.settings (dict "RESCIND_LOG_FORMAT" "json") }}
{{- range $name, $value := $settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{ include "rescind.fromSecret" (dict "root" . "name" "RESCIND_REDIS_URL" "key" .Values.secret.redisUrl) }}
{{- end }}

{{- define "rescind.ledgerEnv" -}}
{{ include "rescind.brokerEnv" . }}
{{ include "rescind.fromSecret" (dict "root" . "name" "RESCIND_DATABASE_URL" "key" .Values.secret.databaseUrl) }}
{{ include "rescind.fromSecret" (dict "root" . "name" "RESCIND_SEAL_KEY" "key" .Values.secret.sealKey) }}
{{- end }}

{{/* What workers and the API share: accounts, plans, and the key that signs webhooks. */}}
{{- define "rescind.accountsEnv" -}}
{{ include "rescind.ledgerEnv" . }}
{{ include "rescind.fromSecret" (dict "root" . "name" "RESCIND_WEBHOOK_SECRET" "key" .Values.secret.webhookSecret "optional" true) }}
- {name: RESCIND_ACCOUNTS, value: /etc/rescind/accounts/accounts.toml}
{{- if .Values.plans.configMap }}
- {name: RESCIND_PLANS, value: /etc/rescind/plans/plans.toml}
{{- end }}
{{- end }}

{{- define "rescind.accountsEnvFrom" -}}
{{- with .Values.accounts.envSecrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "rescind.accountsMounts" -}}
- {name: tmp, mountPath: /tmp}
# Whole folders: a single file would not change when the secret does.
- {name: accounts, mountPath: /etc/rescind/accounts, readOnly: true}
{{- if .Values.accounts.filesSecret }}
- {name: credentials, mountPath: /etc/rescind/credentials, readOnly: true}
{{- end }}
{{- if .Values.plans.configMap }}
- {name: plans, mountPath: /etc/rescind/plans, readOnly: true}
{{- end }}
{{- end }}

{{- define "rescind.accountsVolumes" -}}
- name: tmp
  emptyDir: {}
- name: accounts
  secret: {secretName: {{ .Values.accounts.secret }}, defaultMode: 0440}
{{- with .Values.accounts.filesSecret }}
- name: credentials
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.plans.configMap }}
- name: plans
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}

{{/* Rules of network policies. */}}
{{- define "rescind.egress" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "rescind.dns" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

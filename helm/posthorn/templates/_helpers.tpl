{{- define "posthorn.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* 40 characters leave room for -scheduler and what Kubernetes appends. */ -}}
{{- define "posthorn.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "posthorn.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "posthorn.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "posthorn.selectorLabels" -}}
app.kubernetes.io/name: {{ include "posthorn.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "posthorn.labels" -}}
{{ include "posthorn.selectorLabels" . }}
{{ include "posthorn.commonLabels" . }}
{{- end -}}

{{- define "posthorn.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "posthorn.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "posthorn.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "posthorn.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "posthorn.secretName" -}}
{{- default (include "posthorn.fullname" .) .Values.secrets.existingSecret -}}
{{- end -}}

{{- /* Key of a secret in the Secret; the chart's own has the names of the variables. Takes root and name. */ -}}
{{- define "posthorn.secretKey" -}}
{{- $own := dict "databaseUrl" "DATABASE_URL" "redisUrl" "REDIS_URL" "jwtSecret" "JWT_SECRET" "mainSecret" "MAIN_SECRET" -}}
{{- get (ternary .root.Values.secrets.keys $own (ne .root.Values.secrets.existingSecret "")) .name -}}
{{- end -}}

{{- /*
The generated secret of that name: the one that the cluster has, else a new one. An upgrade that does not find it stops,
because a new MAIN_SECRET would make the signing secrets in the database unreadable. Takes root and key.
*/ -}}
{{- define "posthorn.generatedSecret" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace (printf "%s-generated" (include "posthorn.fullname" .root)) | default dict -}}
{{- $kept := get ($secret.data | default dict) .key -}}
{{- if $kept -}}
{{- $kept -}}
{{- else if .root.Release.IsUpgrade -}}
{{- fail (printf "secrets.generate: the Secret %s-generated is not in the cluster, and a new one would make stored signing secrets unreadable. Restore it, or set secrets.existingSecret." (include "posthorn.fullname" .root)) -}}
{{- else -}}
{{- randAlphaNum 48 | b64enc -}}
{{- end -}}
{{- end -}}

{{- /* Stops the rendering when a secret comes from nowhere. */ -}}
{{- define "posthorn.checkSecrets" -}}
{{- $secrets := .Values.secrets -}}
{{- if not $secrets.existingSecret -}}
{{- range $name := list "databaseUrl" "redisUrl" -}}
{{- if not (get $secrets $name) -}}
{{- fail (printf "secrets.%s is not set: set it, or secrets.existingSecret." $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "jwtSecret" "mainSecret" -}}
{{- if not (or (get $secrets $name) $secrets.generate) -}}
{{- fail (printf "secrets.%s is not set: set it, or secrets.existingSecret, or secrets.generate=true." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* An environment variable from the Secret. Takes root, env and name. */ -}}
{{- define "posthorn.secretEnv" -}}
{{- $isGenerated := and (not .root.Values.secrets.existingSecret) (not (get .root.Values.secrets .name)) -}}
- name: {{ .env }}
  valueFrom:
    secretKeyRef:
      name: {{ ternary (printf "%s-generated" (include "posthorn.fullname" .root)) (include "posthorn.secretName" .root) $isGenerated }}
      key: {{ include "posthorn.secretKey" (dict "root" .root "name" .name) }}
{{- end -}}

{{- /* What every pod has in common. Takes the root. */ -}}
{{- define "posthorn.podDefaults" -}}
automountServiceAccountToken: false
# Kubernetes would add a variable POSTHORN_PORT, and others for every Service of the namespace.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{- /* The Deployment of one role. Takes root and role. */ -}}
{{- define "posthorn.deployment" -}}
{{- $root := .root -}}
{{- $role := .role -}}
{{- $values := index $root.Values $role -}}
{{- $selector := printf "%s\napp.kubernetes.io/component: %s" (include "posthorn.selectorLabels" $root) $role -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "posthorn.fullname" $root }}-{{ $role }}
  labels:
    {{- include "posthorn.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $role }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    {{- toYaml $values.strategy | nindent 4 }}
  selector:
    matchLabels: {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "posthorn.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $role }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # A changed setting restarts the pods. Changes inside secrets.existingSecret are not seen from here.
        checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
        checksum/secrets: {{ toJson $root.Values.secrets | sha256sum }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "posthorn.serviceAccountName" $root }}
      {{- include "posthorn.podDefaults" $root | nindent 6 }}
      # preStop, shutdown delay and shutdown timeout, and 10 s more for the end itself.
      terminationGracePeriodSeconds: {{ add $values.preStopSeconds $values.shutdownDelaySeconds $root.Values.shutdownTimeoutSeconds 10 }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      containers:
        - name: posthorn
          image: {{ include "posthorn.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [serve, --role, {{ $role }}]
          ports:
            - name: http
              containerPort: {{ $root.Values.containerPort }}
          envFrom:
            - configMapRef:
                name: {{ include "posthorn.fullname" $root }}
            {{- with $root.Values.extraEnvFrom }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          env:
            {{- include "posthorn.secretEnv" (dict "root" $root "env" "DATABASE_URL" "name" "databaseUrl") | nindent 12 }}
            {{- include "posthorn.secretEnv" (dict "root" $root "env" "REDIS_URL" "name" "redisUrl") | nindent 12 }}
            {{- include "posthorn.secretEnv" (dict "root" $root "env" "JWT_SECRET" "name" "jwtSecret") | nindent 12 }}
            {{- include "posthorn.secretEnv" (dict "root" $root "env" "MAIN_SECRET" "name" "mainSecret") | nindent 12 }}
            - name: DATABASE_POOL_SIZE
              value: {{ $values.databasePoolSize | quote }}
            - name: SHUTDOWN_DELAY_SECONDS
              value: {{ $values.shutdownDelaySeconds | quote }}
            {{- with $root.Values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          startupProbe:
            httpGet: { path: /health/startup, port: http }
            {{- toYaml $root.Values.probes.startup | nindent 12 }}
          livenessProbe:
            httpGet: { path: /health/live, port: http }
            {{- toYaml $root.Values.probes.live | nindent 12 }}
          readinessProbe:
            httpGet: { path: /health/ready, port: http }
            {{- toYaml $root.Values.probes.ready | nindent 12 }}
          {{- if gt (int $values.preStopSeconds) 0 }}
          lifecycle:
            preStop:
              exec:
                command: [sleep, {{ $values.preStopSeconds | quote }}]
          {{- end }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- toYaml $root.Values.containerSecurityContext | nindent 12 }}
          {{- with $root.Values.extraVolumeMounts }}
          volumeMounts: {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- with $root.Values.extraVolumes }}
      volumes: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ $key }}
          maxSkew: 1
          whenUnsatisfiable: {{ $values.topologySpread.whenUnsatisfiable }}
          labelSelector:
            matchLabels: {{- $selector | nindent 14 }}
          # Only pods of the same version are compared, so that a rolling update ends evenly spread.
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

/** The schema of a container in a pod. */
import type { Schema } from '../../objects/types.ts';
import { anything, choice, flag, integer, intOrString, list, longInteger, mapOf, quantity, struct, text, texts, withDefault } from '../schema.ts';

const keyReference = (of: string): Schema =>
  struct(
    `A key of a ${of}.`,
    { name: text(`Name of the ${of}.`), key: text('The key.'), optional: flag(`The container starts even when the ${of} or the key is missing.`) },
    ['key'],
  );
const nameReference = (of: string): Schema =>
  struct(`A whole ${of}.`, { name: text(`Name of the ${of}.`), optional: flag(`The container starts even when the ${of} is missing.`) });

const httpGet = (description: string): Schema =>
  struct(description, {
    path: withDefault(text('Path to ask for.'), '/'),
    port: intOrString('Number or name of the port.'),
    host: text('Host to connect to; the pod IP when absent.'),
    scheme: withDefault(choice('Scheme.', ['HTTP', 'HTTPS']), 'HTTP'),
    httpHeaders: list('Headers to send.', struct('A header.', { name: text('Name.'), value: text('Value.') }, ['name', 'value'])),
  });

export const probeSchema = (description: string): Schema =>
  struct(description, {
    httpGet: httpGet('Succeeds when this request is answered with a status from 200 to 399.'),
    tcpSocket: struct(
      'Succeeds when a connection opens.',
      { port: intOrString('Number or name of the port.'), host: text('Host to connect to; the pod IP when absent.') },
      ['port'],
    ),
    exec: struct('Succeeds when this command ends with exit code 0.', { command: texts('The command.') }),
    grpc: struct('Asks a gRPC health service.', { port: integer('Port.'), service: text('Service name.') }, ['port']),
    initialDelaySeconds: integer('Seconds before the first probe.'),
    timeoutSeconds: integer('Seconds until a probe counts as failed.', { minimum: 0 }),
    periodSeconds: integer('Seconds between probes.', { minimum: 0 }),
    successThreshold: integer('Successes in a row that count as success.', { minimum: 0 }),
    failureThreshold: integer('Failures in a row that count as failure.', { minimum: 0 }),
    terminationGracePeriodSeconds: longInteger('Seconds for a graceful stop after a failure.'),
  });

const hookSchema = (description: string): Schema =>
  struct(description, {
    exec: struct('Runs a command in the container.', { command: texts('The command.') }),
    httpGet: httpGet('Asks for a page; any answer will do.'),
    sleep: struct('Waits.', { seconds: longInteger('Seconds.') }, ['seconds']),
    tcpSocket: anything('Obsolete, without effect.'),
  });

const portSchema: Schema = struct(
  'A port the container listens on. Informative, but a Service can refer to its name.',
  {
    containerPort: integer('Number of the port, 1 to 65535.'),
    name: text('Name that a Service may use as targetPort; lower case, at most 15 characters.'),
    protocol: withDefault(choice('Protocol.', ['SCTP', 'TCP', 'UDP']), 'TCP'),
    hostPort: integer('Port of the node that leads here.'),
    hostIP: text('Address of the node to which the host port is bound.'),
  },
  ['containerPort'],
  { goType: 'ContainerPort' },
);

const envSchema: Schema = struct(
  'An environment variable.',
  {
    name: text('Name of the variable.'),
    value: text('Value. A YAML number or boolean must be quoted.'),
    valueFrom: struct('Where the value comes from.', {
      configMapKeyRef: keyReference('ConfigMap'),
      secretKeyRef: keyReference('Secret'),
      fieldRef: struct(
        'A field of the pod.',
        { apiVersion: withDefault(text('API version of the path.'), 'v1'), fieldPath: text('Path, such as status.podIP.') },
        ['fieldPath'],
      ),
      resourceFieldRef: anything('A resource limit or request of the container.'),
      fileKeyRef: anything('A key of a file in a volume.'),
    }),
  },
  ['name'],
  { goType: 'EnvVar' },
);

export const resourcesSchema: Schema = struct('Compute resources.', {
  requests: mapOf('What the scheduler reserves on the node.', quantity('Amount.')),
  limits: mapOf('What the container may use at most.', quantity('Amount.')),
  claims: list('Claims of the pod that the container uses.', anything('A claim.')),
});

export const containerSchema: Schema = struct(
  'A container of the pod. All containers of a pod share one network namespace.',
  {
    name: text('Name, unique in the pod.'),
    image: text('Image to run. What it does on the network is decided by its name.'),
    command: texts("Program to run in place of the image's entry point."),
    args: texts('Arguments of the program.'),
    workingDir: text('Directory to start in.'),
    ports: list('Ports the container listens on.', portSchema, ['containerPort', 'protocol']),
    env: list('Environment variables.', envSchema, ['name']),
    envFrom: list(
      'Environment variables from whole ConfigMaps and Secrets.',
      struct('A source.', { prefix: text('Put before each name.'), configMapRef: nameReference('ConfigMap'), secretRef: nameReference('Secret') }),
    ),
    resources: withDefault(resourcesSchema, {}),
    volumeMounts: list(
      'Volumes to see in the file system.',
      struct(
        'A mount.',
        {
          name: text('Name of the volume.'),
          mountPath: text('Where it is seen.'),
          subPath: text('Path in the volume.'),
          subPathExpr: text('Path in the volume, with variables.'),
          readOnly: flag('Cannot be written.'),
          recursiveReadOnly: text('Read-only for mounts below.'),
          mountPropagation: text('How mounts pass between host and container.'),
        },
        ['name', 'mountPath'],
      ),
      ['mountPath'],
    ),
    volumeDevices: list('Block devices.', anything('A device.')),
    readinessProbe: probeSchema('Decides whether Services send traffic to the pod.'),
    livenessProbe: probeSchema('Decides whether the container is restarted.'),
    startupProbe: probeSchema('Holds the other probes back until it succeeds.'),
    lifecycle: struct('What is done after the start and before the stop.', {
      postStart: hookSchema('Done after the start; until it is, the container is not ready. A failure kills it.'),
      preStop: hookSchema('Done before SIGTERM, within the grace.'),
      stopSignal: text('Signal in place of SIGTERM.'),
    }),
    securityContext: anything('Rights of the processes. Stored; rights are not part of the simulation.'),
    imagePullPolicy: choice('When the image is pulled.', ['Always', 'IfNotPresent', 'Never']),
    restartPolicy: text('Only for init containers: Always makes it a sidecar.'),
    restartPolicyRules: list('Rules for restarting by exit code.', anything('A rule.')),
    resizePolicy: list('What happens when resources change.', anything('A policy.')),
    stdin: flag('Keeps standard input open.'),
    stdinOnce: flag('Closes standard input after the first attach.'),
    tty: flag('Gives the container a terminal.'),
    terminationMessagePath: withDefault(text('File with the last words of the container.'), '/dev/termination-log'),
    terminationMessagePolicy: withDefault(choice('Where the last words come from.', ['FallbackToLogsOnError', 'File']), 'File'),
  },
  ['name'],
  { goType: 'Container' },
);

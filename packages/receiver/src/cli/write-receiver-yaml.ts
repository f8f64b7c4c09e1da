/** Writes a receiver.yaml as a person would. Pure: makes the text of the file from its values. */
import { yamlScalar } from '@rootferry/host/daemon'

export interface ReceiverYaml {
  name: string
  /** Where it leads by WebSocket. */
  agent: string
  /** Where the log is read; null: nowhere. */
  nats: { server: string; credentialsFile: string; ca: string | null } | null
  fingerprint: string | null
  ca: string | null
  certificate: { cert: string; key: string } | null
  allowPlaintext: boolean
  tokenFile: string
  stateDir: string | null
  healthListen: string | null
  /** Name → directory. */
  roots: ReadonlyMap<string, string>
  /** For every root. */
  protect: readonly string[]
  owner: string | null
}

export function receiverYaml(values: ReceiverYaml): string {
  const { certificate, roots, protect, owner, nats } = values
  const settings = [
    ...(protect.length === 0 ? [] : [`    protect: [${protect.map((pattern) => JSON.stringify(pattern)).join(', ')}]`]),
    ...(owner === null ? [] : [`    owner: ${yamlScalar(owner)}`]),
  ]
  const lines = [
    '# yaml-language-server: $schema=/usr/share/rootferry/receiver.schema.json',
    '# Written by rootferry-receiver join; yours to edit. HUP makes a running receiver read it again.',
    `name: ${yamlScalar(values.name)}`,
    ...(nats === null ? [`agent: ${yamlScalar(values.agent)}`] : readerSettings(nats, values.agent)),
    ...setting('fingerprint', values.fingerprint),
    ...setting('ca', values.ca),
    ...(certificate === null
      ? []
      : [`tls: {cert: ${yamlScalar(certificate.cert)}, key: ${yamlScalar(certificate.key)}}`]),
    ...(values.allowPlaintext ? ['allowPlaintext: true'] : []),
    `tokenFile: ${yamlScalar(values.tokenFile)}`,
    ...setting('stateDir', values.stateDir),
    ...(values.healthListen === null ? [] : [`health: {listen: ${yamlScalar(values.healthListen)}}`]),
    'roots:',
    ...[...roots].flatMap(([name, path]) => [`  ${yamlScalar(name)}:`, `    path: ${yamlScalar(path)}`, ...settings]),
  ]
  return `${lines.join('\n')}\n`
}

function readerSettings(
  { server, credentialsFile, ca }: Exclude<ReceiverYaml['nats'], null>,
  control: string,
): string[] {
  return [
    '# The log of the agent is read here, and the agent itself is dialled for what a log cannot bring.',
    `agent: ${yamlScalar(server)}`,
    `control: ${yamlScalar(control)}`,
    `credentialsFile: ${yamlScalar(credentialsFile)}`,
    ...setting('natsCa', ca),
  ]
}

function setting(key: string, value: string | null): string[] {
  return value === null ? [] : [`${key}: ${yamlScalar(value)}`]
}

/** Writes a receiver.yaml as a person would. Pure: makes the text of the file from its values. */

export interface ReceiverYaml {
  name: string
  agent: string
  fingerprint: string | null
  ca: string | null
  certificate: { cert: string; key: string } | null
  allowPlaintext: boolean
  tokenFile: string
  stateDir: string | null
  healthListen: string | null
  /** Name → directory. */
  roots: ReadonlyMap<string, string>
}

export function receiverYaml(values: ReceiverYaml): string {
  const { certificate, roots } = values
  const lines = [
    '# Written by rootferry-receiver join; yours to edit. HUP makes a running receiver read it again.',
    `name: ${scalar(values.name)}`,
    `agent: ${scalar(values.agent)}`,
    ...setting('fingerprint', values.fingerprint),
    ...setting('ca', values.ca),
    ...(certificate === null ? [] : [`tls: {cert: ${scalar(certificate.cert)}, key: ${scalar(certificate.key)}}`]),
    ...(values.allowPlaintext ? ['allowPlaintext: true'] : []),
    `tokenFile: ${scalar(values.tokenFile)}`,
    ...setting('stateDir', values.stateDir),
    ...(values.healthListen === null ? [] : [`health: {listen: ${scalar(values.healthListen)}}`]),
    'roots:',
    ...[...roots].flatMap(([name, path]) => [`  ${scalar(name)}:`, `    path: ${scalar(path)}`]),
  ]
  return `${lines.join('\n')}\n`
}

function setting(key: string, value: string | null): string[] {
  return value === null ? [] : [`${key}: ${scalar(value)}`]
}

/** Unquoted where YAML reads the same text in any place, and quoted otherwise: JSON strings are YAML. */
function scalar(text: string): string {
  return /^[A-Za-z/][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*$/.test(text) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text)
}

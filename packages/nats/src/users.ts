/**
 * Users of a NATS server for an agent and its receivers: a key for each, and the lines of the server's configuration with
 * the least that each must be permitted. The server knows the public key alone.
 */
import { nkeys } from '@nats-io/transport-node'
import { inboxOf, logNames } from './names.ts'

export interface NatsUser {
  /** What the host keeps, as `credentialsFile`. */
  seed: string
  /** For `authorization { users: [ … ] }` of nats-server.conf. */
  line: string
}

/** @param roots that the receiver may have */
export function receiverUser(name: string, roots: readonly string[]): NatsUser {
  const names = roots.map(logNames)
  const api = (stream: string) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
  ]
  return userOf({
    publish: names.flatMap((root) => [root.ackOf(name), ...api(root.log.stream), ...api(root.snapshots.stream)]),
    subscribe: [...names.flatMap((root) => [root.callOf(name), root.who]), `${inboxOf(name)}.>`],
  })
}

export function agentUser(): NatsUser {
  return userOf({
    publish: ['rf.>', 'rfcall.>', 'rfwho.>', 'rfpub.>', '$JS.API.>', '$JS.*.API.>', '_INBOX.>'],
    subscribe: ['rfack.>', 'rfpub.>', '_INBOX.>'],
  })
}

function userOf(permissions: { publish: string[]; subscribe: string[] }): NatsUser {
  const pair = nkeys.createUser()
  const list = (subjects: readonly string[]) => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`
  const allowed = `publish: ${list(permissions.publish)}, subscribe: ${list(permissions.subscribe)}`
  return {
    seed: new TextDecoder().decode(pair.getSeed()),
    line: `{ nkey: ${pair.getPublicKey()}, permissions: { ${allowed} } }`,
  }
}

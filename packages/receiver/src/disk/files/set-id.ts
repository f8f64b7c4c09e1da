/**
 * Takes the set-user-id and set-group-id bits off files before anything else sees them: an agent that was taken over
 * could otherwise plant a program that gives every local user another one's rights. On directories set-group-id stays: it
 * only hands the group down. Symlinks have no mode of their own.
 */
import type { ToReceiver } from '@rootferry/protocol'

const PLAIN_BITS = 0o1777

/** Changes the message, which is the caller's own. */
export function stripSetId(message: ToReceiver): void {
  if (message.type === 'segment') {
    for (const change of message.changes) if (change.kind === 'file') change.mode &= PLAIN_BITS
  } else if (message.type === 'listing') {
    for (const { entries } of message.directories) {
      for (const entry of entries) if (entry[1] === 'f') entry[2] &= PLAIN_BITS
    }
  }
}

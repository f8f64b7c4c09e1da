/**
 * Removes the set-user-id and set-group-id bits of files before any other code sees them: a captured agent could
 * otherwise plant a program that gives every local user another user's rights. Directories keep set-group-id, which
 * only hands the group down. Symlinks have no mode of their own.
 */
import type { ToReceiver } from '@rootferry/protocol'

const PLAIN_BITS = 0o1777

/** Changes the message, which belongs to the caller. */
export function stripSetId(message: ToReceiver): void {
  if (message.type === 'segment') {
    for (const change of message.changes) if (change.kind === 'file') change.mode &= PLAIN_BITS
  } else if (message.type === 'listing') {
    for (const { entries } of message.directories) {
      for (const entry of entries) if (entry[1] === 'f') entry[2] &= PLAIN_BITS
    }
  }
}

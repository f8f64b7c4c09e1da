/**
 * Gives files and directories the modes that they will have here, before any other code sees a message: without the
 * set-user-id and set-group-id bits of files unless those are allowed, and then changed by the operator's `mode`.
 *
 * A captured agent could otherwise plant a program that gives every local user another user's rights. Directories keep
 * set-group-id, which only hands the group down. Symlinks have no mode of their own.
 */
import type { ToReceiver } from '@rootferry/protocol'
import { type ModeMap, parseModeMap } from '../../mode-map.ts'

const PLAIN_BITS = 0o1777

/** @param mode from receiver.yaml, checked. @returns the function that maps the modes of a message */
export function localModes(allowSetuid: boolean, mode: string): ModeMap {
  const change = parseModeMap(mode)
  return (kind, given) => {
    const safe = kind === 'file' && !allowSetuid ? given & PLAIN_BITS : given
    return change === null ? safe : change(kind, safe)
  }
}

/** Changes the message, which belongs to the caller. */
export function setLocalModes(message: ToReceiver, modeOf: ModeMap): void {
  if (message.type === 'segment') {
    for (const change of message.changes) {
      if (change.kind === 'file' || change.kind === 'directory') change.mode = modeOf(change.kind, change.mode)
    }
  } else if (message.type === 'listing') {
    for (const { entries } of message.directories) {
      for (const entry of entries) {
        if (entry[1] === 'f') entry[2] = modeOf('file', entry[2])
        else if (entry[1] === 'd') entry[2] = modeOf('directory', entry[2])
      }
    }
  }
}

/**
 * Pure: which parts of an entry its latest change has changed, as bits in a row of the index and as words in answers.
 *
 * A row of an index of an earlier agent has no bits, and so no words.
 */
import type { Extended } from '@rootferry/protocol'
import { CHANGED_PARTS, type ChangedPart } from '../../root-messages.ts'
import type { Observation } from './indexed-entry.ts'

export function changedBits(before: Observation | null, now: Observation, sameBytes: boolean): number {
  if (before === null || before.kind !== now.kind) return bitsOf({ new: true })
  return bitsOf({
    content: now.kind === 'file' && !sameBytes,
    target: now.target !== before.target,
    mode: now.mode !== before.mode,
    owner: now.uid !== before.uid,
    group: now.gid !== before.gid,
    time: now.mtime !== before.mtime,
    ...changedExtended(before, now),
    links: now.link !== 0 && now.link !== before.link,
  })
}

export function partsOf(bits: number): ChangedPart[] {
  return CHANGED_PARTS.filter((_, bit) => (bits & (1 << bit)) !== 0)
}

/** What was not looked at has not changed; before, it is taken for nothing. */
function changedExtended(before: Observation, now: Observation): { acl?: boolean; xattr?: boolean } {
  if (now.extended === null || now.extended === (before.extended ?? '')) return {}
  const [old, fresh] = [extendedOf(before.extended), extendedOf(now.extended)]
  const acls = ({ acl, defaultAcl }: Extended) => [acl, defaultAcl]
  return {
    acl: isOther(acls(old), acls(fresh)),
    xattr: isOther(old.xattrs, fresh.xattrs),
  }
}

/** Both come in one order. */
function isOther(old: unknown, fresh: unknown): boolean {
  return JSON.stringify(old) !== JSON.stringify(fresh)
}

function extendedOf(text: string | null): Extended {
  return text === null || text === '' ? {} : (JSON.parse(text) as Extended)
}

function bitsOf(parts: Partial<Record<ChangedPart, boolean>>): number {
  return CHANGED_PARTS.reduce((bits, part, bit) => (parts[part] === true ? bits | (1 << bit) : bits), 0)
}

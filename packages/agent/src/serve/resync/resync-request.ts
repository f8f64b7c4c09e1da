/**
 * The meaning of an operator's request for a resync: which roots and which receivers it covers, and whether it can be
 * carried out. Pure.
 */
import { isWithin, LIMITS, pathFault, ROOT_PATH } from '@rootferry/protocol'
import type { ResyncOrder } from './resync-job.ts'

export interface ResyncRequest extends ResyncOrder {
  /** null: every root. */
  root: string | null
  /** Empty: every receiver that ever connected. */
  receivers: string[]
  /** Entry paths; empty: the whole tree. */
  paths: string[]
}

export type ResyncFault = 'unknown-root' | 'unknown-receiver' | 'invalid-path'

/** A request that cannot be carried out as it stands. */
export class ResyncRefused extends Error {
  readonly code: ResyncFault
  override name = 'ResyncRefused'

  constructor(code: ResyncFault, message: string) {
    super(message)
    this.code = code
  }
}

/** The agent's knowledge of its receivers. */
export interface Grants {
  /** Names of all receivers that may connect. */
  receivers(): string[]
  /** Whether the receiver's token grants that root. */
  isGranted(receiver: string, root: string): boolean
}

interface KnowingRoot {
  /** Whether the receiver ever connected. */
  knows(receiver: string): boolean
}

/** @throws ResyncRefused */
export function orderOf({ paths, check, dryRun }: ResyncRequest): ResyncOrder {
  if (paths.length > LIMITS.resyncPaths) {
    throw new ResyncRefused('invalid-path', `${paths.length} paths: at most ${LIMITS.resyncPaths} are accepted`)
  }
  for (const path of paths) {
    const fault = pathFault(path)
    if (fault !== null) throw new ResyncRefused('invalid-path', `the path ${JSON.stringify(path)} ${fault}`)
  }
  return { paths: topmost(paths), check, dryRun }
}

/** @throws ResyncRefused */
export function rootsOf<Root>({ root }: ResyncRequest, roots: ReadonlyMap<string, Root>): ReadonlyMap<string, Root> {
  if (root === null) return roots
  const found = roots.get(root)
  if (found === undefined) throw new ResyncRefused('unknown-root', `there is no root ${JSON.stringify(root)}`)
  return new Map([[root, found]])
}

/**
 * Root and receiver of each job. A receiver need not have every root: it takes part in the roots that it has connected
 * to before, and in those for which it was named.
 * @throws ResyncRefused
 */
export function coverageOf(
  request: ResyncRequest,
  roots: ReadonlyMap<string, KnowingRoot>,
  grants: Grants,
): { root: string; receiver: string }[] {
  const receivers = receiversOf(request, [...roots.keys()], grants)
  const isNamed = request.receivers.length > 0
  const isNew = (receiver: string) => ![...roots.values()].some((root) => root.knows(receiver))
  return [...roots].flatMap(([name, root]) =>
    receivers
      .filter((receiver) => grants.isGranted(receiver, name))
      .filter((receiver) => root.knows(receiver) || (isNamed && isNew(receiver)))
      .map((receiver) => ({ root: name, receiver })),
  )
}

function receiversOf({ receivers }: ResyncRequest, roots: readonly string[], grants: Grants): string[] {
  const known = grants.receivers()
  const stranger = receivers.find((name) => !known.includes(name))
  if (stranger !== undefined) {
    throw new ResyncRefused('unknown-receiver', `there is no receiver ${JSON.stringify(stranger)}`)
  }
  const excluded = receivers.find((name) => !roots.some((root) => grants.isGranted(name, root)))
  if (excluded !== undefined) {
    throw new ResyncRefused('unknown-receiver', `the token of ${JSON.stringify(excluded)} is not good for ${roots}`)
  }
  return receivers.length === 0 ? known : [...new Set(receivers)]
}

/** The paths without those that lie below another one; the whole tree when there are none. */
function topmost(paths: readonly string[]): string[] {
  const unique = [...new Set(paths)]
  const top = unique.filter((path) => !unique.some((other) => other !== path && isWithin(path, other)))
  return top.length === 0 ? [ROOT_PATH] : top
}

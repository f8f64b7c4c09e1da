/**
 * What needs a person, the gravest first: what is wrong in words, and what to do about it. Pure.
 *
 * Many receivers with one trouble are one item: at three in the morning nobody reads a list of a thousand.
 */

import type { ReceiverStatus } from '@rootferry/agent/api'
import { count, duration, size } from '@rootferry/host/numbers'
import type { Fleet, Root } from './fleet.ts'
import { byGravity, isUnwritten } from './words.ts'

export interface Attention {
  tone: 'bad' | 'warning'
  title: string
  /** What is known about it; null: the title says all. */
  detail: string | null
  /** What to do. */
  advice: string
  /** What to type on which host; null: nothing. */
  command: { host: string; text: string } | null
  /** The view that says more. */
  link: string
}

const MOST_SINGLE = 3
const MOST_NAMED = 8
const EXPIRY_DAYS = 14
const DAY_MS = 86_400_000

export function attentionOf({ roots, receivers, certificate }: Fleet, nowMs: number): Attention[] {
  const items = [
    ...[...roots.values()].flatMap(aboutRoot),
    ...aboutReceivers([...receivers.values()].sort(byGravity), roots.size === 1, nowMs),
    ...aboutCertificate(certificate, nowMs),
  ]
  return [...items.filter(({ tone }) => tone === 'bad'), ...items.filter(({ tone }) => tone === 'warning')]
}

type Item = (tone: Attention['tone'], title: string, detail: string | null, advice: string) => Attention

/** What the readers of the log of a root lack. */
function aboutLog(name: string, log: Root['log'], item: Item): Attention[] {
  const items: Attention[] = []
  if (isUnwritten(log))
    items.push(
      item(
        'bad',
        `The log of ${name} on NATS is not written`,
        log.why,
        'Receivers that read it get nothing new meanwhile. See that the NATS servers run and can be reached from the admin server.',
      ),
    )
  const cutOff = log?.regions.find(({ why }) => why !== null)
  if (cutOff !== undefined)
    items.push(
      item(
        'bad',
        `Region ${cutOff.name} has no mirror of the log of ${name}`,
        cutOff.why,
        'Receivers there get nothing new meanwhile. See that its NATS server runs as a leaf node of the one that the agent writes to.',
      ),
    )
  return items
}

function aboutRoot(root: Root): Attention[] {
  const { name, state, reason, hold, watch, problemCount, hooks, log } = root
  const link = `#/roots/${name}`
  const item: Item = (tone, title, detail, advice) => ({ tone, title, detail, advice, command: null, link })
  const items: Attention[] = []
  if (state === 'halted')
    items.push(
      item(
        'bad',
        `${name} is halted`,
        reason,
        'Look at the docroot. If what is gone was to go, accept it. If not, mount it, or put it back: the root then goes on by itself.',
      ),
    )
  if (state === 'unavailable')
    items.push(
      item(
        'bad',
        `${name} cannot be served`,
        reason,
        'See that its directory is there, mounted and readable on the admin server.',
      ),
    )
  if (hold !== null && (hold.overdue || hold.refused !== null)) {
    const since = `Held by ${hold.by}; ${count(hold.pending.changes)} ${hold.pending.changes === 1 ? 'change waits' : 'changes wait'}, ${size(hold.pending.bytes)}.`
    const title = hold.refused === null ? `${name} is held for longer than planned` : `${name} was not released`
    items.push(item('bad', title, hold.refused ?? since, 'Look at what waits, and release it when the tree is right.'))
  }
  if (watch.degraded !== null)
    items.push(
      item(
        'warning',
        `${name} is not watched as a whole`,
        watch.degraded,
        'Changes come later than they could. Raise the limit that the message names.',
      ),
    )
  items.push(...aboutLog(name, log, item))
  const failing = hooks.find(({ lastError }) => lastError !== null)
  if (failing !== undefined)
    items.push(item('warning', `A hook of ${name} fails`, failing.lastError, `Run it by hand: ${failing.command}`))
  if (problemCount > 0)
    items.push(
      item(
        'warning',
        `${problemCount === 1 ? 'One path' : `${count(problemCount)} paths`} of ${name} cannot be sent`,
        null,
        'Everything else is sent. The list says why.',
      ),
    )
  return items
}

interface Trouble {
  tone: Attention['tone']
  isIt(receiver: ReceiverStatus): boolean
  title(who: string, isMany: boolean): string
  detail(receiver: ReceiverStatus, nowMs: number): string | null
  /** What is the same for all roots of the receiver, and comes before the details. */
  before?(receiver: ReceiverStatus, nowMs: number): string
  advice: string
  command: ((root: string) => string) | null
}

/** A receiver is told of once, by the first that fits. */
const TROUBLES: readonly Trouble[] = [
  {
    tone: 'bad',
    isIt: ({ state }) => state === 'failed',
    title: (who) => `${who} cannot commit`,
    detail: ({ lastError }) => lastError,
    advice: 'Its old files stay as they are. Remove the cause, and it goes on by itself.',
    command: () => 'rootferry-receiver status',
  },
  {
    tone: 'bad',
    isIt: ({ clash }) => clash !== null,
    title: (who) => `Two nodes use one token: ${who}`,
    detail: ({ clash }) => clash,
    advice: 'Make a token for each node, and join the second one anew.',
    command: null,
  },
  {
    tone: 'bad',
    isIt: ({ state }) => state === 'offline',
    title: (who, isMany) => `${who} ${isMany ? 'are' : 'is'} offline`,
    before: ({ lastSeenAt, lastError }, nowMs) => {
      const seconds = lastSeenAt === null ? 0 : (nowMs - Date.parse(lastSeenAt)) / 1_000
      const ago = seconds < 2 ? 'just now' : `${duration(seconds)} ago`
      const seen = lastSeenAt === null ? 'Never seen' : `Last seen ${ago}`
      return `${seen}${lastError === null ? '' : `: ${lastError}`}.`
    },
    detail: ({ lag }) =>
      lag.sequences === 0
        ? 'It has missed nothing.'
        : `It has missed ${count(lag.sequences)} ${lag.sequences === 1 ? 'change' : 'changes'}.`,
    advice: 'It gets what it missed when it is back. See whether its host and its receiver run.',
    command: () => 'journalctl -eu rootferry-receiver',
  },
  {
    tone: 'bad',
    isIt: ({ state }) => state === 'left-behind',
    title: (who, isMany) => `${who} ${isMany ? 'were' : 'was'} left behind`,
    detail: ({ lag }) => `${count(lag.sequences)} changes behind; not ready until it has caught up.`,
    advice: 'It catches up by itself. If it does not, look at its disk and its line.',
    command: () => 'rootferry-receiver status',
  },
  {
    tone: 'warning',
    isIt: ({ state }) => state === 'awaiting-accept',
    title: (who, isMany) => `${who} ${isMany ? 'wait' : 'waits'} for a yes`,
    detail: ({ lastError }) => lastError,
    advice: 'Much would be replaced or removed there: see that the path is right, and accept.',
    command: (root) => `rootferry-receiver accept ${root}`,
  },
  {
    tone: 'warning',
    isIt: ({ owed }) => owed.count > 0,
    title: (who) => `${who} cannot make some paths right`,
    detail: ({ owed }) => `${owed.count === 1 ? 'One path' : `${count(owed.count)} paths`}; it has everything else.`,
    advice: 'Remove the obstacle on that host, or protect the path. It is tried again by itself.',
    command: () => 'rootferry-receiver status',
  },
]

function aboutReceivers(receivers: readonly ReceiverStatus[], isOneRoot: boolean, nowMs: number): Attention[] {
  const groups = Map.groupBy(receivers, (receiver) => TROUBLES.find(({ isIt }) => isIt(receiver)))
  return TROUBLES.flatMap((trouble) => {
    // A receiver of several roots is in a trouble once.
    const troubled = Map.groupBy(groups.get(trouble) ?? [], ({ name }) => name)
    return troubled.size > MOST_SINGLE
      ? [together(trouble, [...troubled.keys()])]
      : [...troubled].map(([name, ofRoots]) => alone(trouble, name, ofRoots, isOneRoot, nowMs))
  })
}

function alone(
  { tone, title, before, detail, advice, command }: Trouble,
  name: string,
  ofRoots: readonly ReceiverStatus[],
  isOneRoot: boolean,
  nowMs: number,
): Attention {
  const details = ofRoots.flatMap((receiver) => {
    const text = detail(receiver, nowMs)
    return text === null ? [] : [isOneRoot ? text : `${receiver.root}: ${text}`]
  })
  const [first] = ofRoots
  if (before !== undefined && first !== undefined) details.unshift(before(first, nowMs))
  return {
    tone,
    title: title(name, false),
    detail: details.length === 0 ? null : details.join(' '),
    advice,
    command: command === null ? null : { host: name, text: command(first?.root ?? '') },
    link: `#/receivers/${name}`,
  }
}

function together({ tone, title, advice }: Trouble, all: readonly string[]): Attention {
  const names = all.slice(0, MOST_NAMED)
  const more = all.length - names.length
  const detail = `${names.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`
  return { tone, title: title(`${count(all.length)} receivers`, true), detail, advice, command: null, link: '#/' }
}

function aboutCertificate(certificate: Fleet['certificate'], nowMs: number): Attention[] {
  if (certificate === null) return []
  const days = Math.floor((Date.parse(certificate.expiresAt) - nowMs) / DAY_MS)
  if (days >= EXPIRY_DAYS) return []
  return [
    {
      tone: days < 3 ? 'bad' : 'warning',
      title:
        days < 0
          ? 'The certificate has expired'
          : `The certificate expires in ${days === 1 ? 'a day' : `${days} days`}`,
      detail: `It ends at ${certificate.expiresAt}. Receivers refuse an expired one.`,
      advice:
        'Put a new one in its place and reload the agent. Receivers that pin it then join again, with join --renew.',
      command: { host: 'the admin server', text: 'systemctl reload rootferry-agent' },
      link: '#/',
    },
  ]
}

/** The log line for each event of a root, or none. Pure. */
import { printable } from '@rootferry/host/machine'
import type { FirstJoin } from '../root-messages.ts'
import { awaitingText, firstJoinLine } from './first-join.ts'
import type { RootEvent, RootState } from './root-state.ts'

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error'
  details: Record<string, unknown>
  message: string
}

const COMMITTED = {
  changeset: 'changeset committed',
  repair: 'repair committed',
  overtake: 'changes committed ahead of a changeset',
} as const

/** @param before the state that the event meets */
export function logLine(event: RootEvent, before: RootState): LogLine | null {
  switch (event.type) {
    case 'committed': {
      const { type: _, as, head: __, ...details } = event
      return line('info', COMMITTED[as], { ...details, ms: Math.round(event.ms) })
    }
    case 'accepted':
      return line('warn', 'an operator accepted the first join')
    case 'phase':
      if (event.phase === 'awaiting-accept') return line('warn', awaitingText(before), { phase: event.phase })
      return line('info', `root is ${event.phase}`, { phase: event.phase, sequence: before.sequence })
    case 'first-join':
      return line('info', firstJoinLine(event.plan), firstJoinDetails(event.plan))
    case 'failing':
      return event.error === null
        ? line('info', 'commits work again')
        : line('error', 'cannot commit, trying again', { ...event.error })
    case 'problem': {
      const { path, code, message: error } = event
      return line('warn', 'a path could not be made right', { path: printable(path), code, error })
    }
    case 'mended': {
      const paths = event.paths.map(printable)
      return line('info', 'paths that could not be made right have no problem now', { paths })
    }
    case 'log':
      return line(event.level, event.message, event.details)
    case 'broken':
      if (event.error.code === 'internal-error')
        return line('warn', 'the connection begins anew', { error: event.error.message })
      return line('error', 'the agent broke the protocol', { code: event.error.code, error: event.error.message })
    case 'connected':
      return line('info', 'connected to the agent')
    case 'log-read':
      if (event.why === null) return line('info', 'the log on NATS is read')
      return line(event.isForged ? 'error' : 'info', 'the log on NATS is not read, the agent is dialled', {
        why: event.why,
      })
    case 'leave':
      return line('warn', 'others go on without this receiver: it is not ready before it has caught up', {
        to: event.to,
      })
    case 'doubted':
      return line('warn', 'in doubt: others may show what is prepared here', { prepared: before.prepared })
    case 'trusted':
      return line('warn', 'no word of the agent: what is visible here serves visitors again')
    case 'disconnected': {
      const { error } = event
      const isNews = error !== null && (before.connected || error !== before.lastError)
      return isNews ? line('warn', 'not connected to the agent, trying again', { error }) : null
    }
    default:
      return null
  }
}

const MOST_NAMED = 10

function firstJoinDetails({ paths, ...figures }: FirstJoin): Record<string, unknown> {
  return { ...figures, paths: paths.slice(0, MOST_NAMED).map(({ path }) => printable(path)) }
}

function line(level: LogLine['level'], message: string, details: Record<string, unknown> = {}): LogLine {
  return { level, details, message }
}

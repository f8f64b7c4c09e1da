/**
 * `status --watch`: the status as it changes, until Ctrl-C, or until nobody reads it any more. A terminal is drawn anew; elsewhere each root and receiver
 * has a line for every change of its state.
 *
 * The agent's events say that something has changed, and the status says what: it is asked for at most once in PAUSE_MS.
 * INVARIANT: an agent that goes away ends nothing; it is dialled again, with the token of its new life.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { paint, type Terminal } from '@rootferry/host/daemon'
import { errorMessage, Failure } from '@rootferry/host/machine'
import { Status, type StatusAnswer } from '../serve/schemas/status.ts'
import type { AdminClient } from './admin-client.ts'
import { eventTypes } from './event-types.ts'
import { stateLines, statusReport } from './status-report.ts'

const TYPES = 'receiver,root,resync,hold,round,progress'
const PAUSE_MS = 1_000
const HOME = '\u001b[H'
const CLEAR = '\u001b[2J'
const TO_END_OF_LINE = '\u001b[K'
const TO_END = '\u001b[J'

type Agent = Pick<AdminClient, 'events' | 'get'>

export interface Watching {
  /** Each status as one line of JSON. */
  json: boolean
}

/** @param connect finds the agent; called again for each connection. @throws Failure when the first one cannot be made */
export async function watchStatus(connect: () => Agent, { json }: Watching, terminal: Terminal): Promise<void> {
  const stop = new AbortController()
  const stopped = terminal.stopSignal(() => stop.abort())
  void terminal.unread.then(() => stop.abort())
  const screen: Screen = json ? jsonLines(terminal) : terminal.isInteractive ? drawn(terminal) : plainLines(terminal)
  for (let isFirst = true; !stop.signal.aborted; isFirst = false) {
    try {
      await followed(connect(), screen, stop.signal)
    } catch (error) {
      if (isFirst && !stop.signal.aborted) throw error
      if (!(error instanceof Failure) && !stop.signal.aborted) throw error
      screen.lost(errorMessage(error))
    }
    await Promise.race([delay(PAUSE_MS), stopped])
  }
}

/** Resolves when the stream has ended. @throws Failure */
async function followed(client: Agent, screen: Screen, signal: AbortSignal): Promise<void> {
  const stream = await client.events(TYPES, signal)
  let news = Promise.withResolvers<true>()
  const read = async () => {
    for await (const _ of eventTypes(stream)) news.resolve(true)
  }
  const ended = read().then(
    () => false,
    () => false,
  )
  for (let isOpen = true; isOpen; isOpen = await Promise.race([ended, news.promise])) {
    news = Promise.withResolvers()
    screen.show(await client.get('/v1/status', Status))
    await Promise.race([delay(PAUSE_MS), ended])
  }
}

interface Screen {
  show(status: StatusAnswer): void
  /** The agent is not reached. */
  lost(why: string): void
}

function drawn(terminal: Terminal): Screen {
  let isFirst = true
  let text = ''
  const draw = (note: string) => {
    const lines = `${text}\n${note}`.split('\n')
    const most = Math.max(2, terminal.rows() - 1)
    const shown = lines.length <= most ? lines : [...lines.slice(0, most - 1), lines.at(-1) ?? '']
    const begin = isFirst ? `${CLEAR}${HOME}` : HOME
    terminal.out(`${begin}${shown.map((line) => `${line}${TO_END_OF_LINE}\n`).join('')}${TO_END}`)
    isFirst = false
  }
  return {
    show: (status) => {
      const now = new Date()
      text = statusReport(status, now, terminal).trimEnd()
      draw(paint(`${now.toLocaleTimeString('en-GB')}, Ctrl-C ends`, 'quiet', terminal.colour))
    },
    lost: (why) => draw(paint(`${why}; trying again`, 'bad', terminal.colour)),
  }
}

function plainLines(terminal: Terminal): Screen {
  const known = new Map<string, string>()
  const say = (text: string) => terminal.out(`${new Date().toISOString()} ${text}\n`)
  return {
    show: (status) => {
      const lines = stateLines(status)
      for (const [who, text] of lines) if (known.get(who) !== text) say(`${who} ${text}`)
      for (const who of known.keys()) if (!lines.has(who) && who !== AGENT) say(`${who} is gone`)
      known.clear()
      for (const [who, text] of lines) known.set(who, text)
    },
    lost: (why) => {
      if (known.get(AGENT) !== why) say(`${AGENT} ${why}`)
      known.set(AGENT, why)
    },
  }
}

const AGENT = 'agent'

function jsonLines(terminal: Terminal): Screen {
  let last = ''
  return {
    show: (status) => {
      const text = JSON.stringify(status)
      if (text !== last) terminal.out(`${text}\n`)
      last = text
    },
    lost: (why) => terminal.say(`${why}; trying again\n`),
  }
}

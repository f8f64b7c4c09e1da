/**
 * What a daemon tells the service manager that started it (sd_notify): that it is up, how it is in a few words, that it
 * lives, and that it stops. Without a service manager that listens, it tells nothing.
 *
 * The program systemd-notify sends each message: Node has no datagram sockets of the local kind. A message that is not
 * sent does no harm but one: a daemon that never said that it is up is stopped, and one that was silent is restarted.
 */
import { spawn } from 'node:child_process'

export interface ServiceEnvironment {
  NOTIFY_SOCKET?: string | undefined
  WATCHDOG_USEC?: string | undefined
  WATCHDOG_PID?: string | undefined
}

const PROGRAM = 'systemd-notify'
/** Where no watchdog asks more often. */
const STATUS_MS = 30_000
/** A third of the time after which a silent daemon is restarted. */
const SHARE = 3

export class ServiceManager {
  readonly #isListening: boolean
  readonly #intervalMs: number
  readonly #watchdog: readonly string[]
  readonly #log: (message: string) => void
  #beat: NodeJS.Timeout | null = null

  /** @param say tells a person that the service manager cannot be told */
  constructor(
    { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }: ServiceEnvironment,
    pid: number,
    say: (text: string) => void,
  ) {
    this.#isListening = NOTIFY_SOCKET !== undefined && NOTIFY_SOCKET !== ''
    const isWatched = WATCHDOG_USEC !== undefined && (WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid))
    const patienceMs = Number(WATCHDOG_USEC) / 1_000
    this.#watchdog = isWatched && patienceMs > 0 ? ['WATCHDOG=1'] : []
    this.#intervalMs = this.#watchdog.length > 0 ? Math.min(STATUS_MS, patienceMs / SHARE) : STATUS_MS
    this.#log = say
  }

  /** The daemon serves. @param status one line, asked for now and then */
  up(status: () => string): void {
    if (!this.#isListening) return
    this.#tell(['READY=1', `STATUS=${status()}`, ...this.#watchdog])
    this.#beat = setInterval(() => this.#tell([`STATUS=${status()}`, ...this.#watchdog]), this.#intervalMs)
  }

  stopping(): void {
    if (!this.#isListening) return
    if (this.#beat !== null) clearInterval(this.#beat)
    this.#tell(['STOPPING=1', 'STATUS=stopping', ...this.#watchdog])
  }

  #tell(message: readonly string[]): void {
    // Its words are data, whatever they begin with.
    const child = spawn(PROGRAM, ['--', ...message.map(oneLine)], { stdio: 'ignore' })
    child.on('error', (error) => this.#log(`${PROGRAM}: ${error.message}\n`))
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

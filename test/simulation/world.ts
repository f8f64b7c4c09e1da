/**
 * One simulated farm: an agent's machine, its docroot and its changes, the machines of some receivers, and the lines
 * between them. Starts and stops processes, advances time, and calls the oracles at every step.
 */
import { isWithin, PathFilter, parentPath } from '../../packages/protocol/src/index.ts'
import { notReadyReason } from '../../packages/receiver/src/serve/http/readiness.ts'
import { databasesOn } from './database.ts'
import { Deploys } from './deploys.ts'
import { enter } from './farm.ts'
import type { Inode, Kind } from './inode.ts'
import { epochOf, headOf, judgeCommitted, knowsVolume, owedBy, positionOf } from './judge-committed.ts'
import { Linkers } from './linkers.ts'
import { LocalContent, STRANGER } from './local-content.ts'
import { Machine } from './machine.ts'
import { type Caller, Network } from './network.ts'
import { BORDER, BORDER_DEVICE, OWN_FILE, REPLACED, SHARED, STATE, TARGET } from './places.ts'
import { AgentProcess, ReceiverProcess, type Surroundings } from './processes.ts'
import { Chance } from './random.ts'
import { noteReplaced, noteStart } from './replaced-target.ts'
import { type Process, Scheduler } from './scheduler.ts'
import type { ReceiverSettings, Settings } from './settings.ts'
import { isShared, SharedVolume } from './shared-volume.ts'
import { frameText } from './socket.ts'
import { SourceAway } from './source-away.ts'
import { ABSENT, isOnBothSides, linkDifferences, pathsInTheWay, treeDifferences, treeOf } from './tree-look.ts'
import { Violation } from './violation.ts'
import { Visitors } from './visitors.ts'
import { AheadWatch } from './watch-ahead.ts'
import { LineWatch } from './watch-line.ts'
import { RoundWatch } from './watch-round.ts'
import { SwapWatch } from './watch-swaps.ts'
import { watchTarget } from './watch-target.ts'
import { Workload } from './workload.ts'

const RESERVED = '.rootferry'
const MOST_REST_MS = 1_500
const TARGET_DEVICE = 2
/** What a target has of its own on the filesystem that is mounted in it. */
const ACROSS = ['b', 'x.log', 'c.php', 'e/a'].map((path) => `${BORDER}/${path}`)

/** A machine with the daemon that runs on it. */
export interface Host {
  machine: Machine
  daemon: AgentProcess | ReceiverProcess | null
  /** When its supervisor starts it again; null: it runs, or stays down. */
  startAt: number | null
  /** The machine lost power, and no process has read its database since: what that says is not in effect. */
  isUnread: boolean
}

export interface ReceiverHost extends Host {
  settings: ReceiverSettings
  caller: Caller
  untouchable: PathFilter
  isChanged: boolean
  /** Another directory is in the place of its target, and no process has said hello for that one yet. */
  isReplaced: boolean
  /** When that was last; null: never. */
  replacedAt: number | null
  /** What is this host's own, and on no other disk. */
  local: LocalContent
}

export class World {
  readonly chance: Chance
  readonly scheduler: Scheduler
  readonly network: Network
  readonly settings: Settings
  readonly agent: Host
  readonly receivers: ReceiverHost[]
  readonly workload: Workload
  readonly lines: LineWatch
  readonly rounds: RoundWatch
  /** Whether operators let receivers take turns. Of a chance of its own. */
  readonly rolls: boolean
  readonly ahead: AheadWatch
  readonly swaps: SwapWatch
  // Each has a chance of its own.
  readonly deploys: Deploys
  readonly visitors: Visitors
  readonly linkers: Linkers
  readonly uploads: Chance
  /** Null: none is shared. */
  readonly shared: SharedVolume | null
  readonly away: SourceAway
  readonly #around: Surroundings
  readonly #tell: (line: string) => void
  #violation: Violation | null = null

  constructor(seed: number, settings: (chance: Chance) => Settings, tell: (line: string) => void) {
    this.chance = new Chance(seed)
    this.rolls = new Chance(~seed).oneIn(4)
    const drawn = settings(this.chance)
    this.settings = this.rolls ? { ...drawn, holdsOneIn: 2 } : drawn
    this.scheduler = new Scheduler(this.chance.fork())
    this.network = new Network(this.scheduler, this.chance.fork())
    this.#tell = tell
    this.agent = { machine: this.#agentMachine(), daemon: null, startAt: 0, isUnread: false }
    this.#enter(this.agent.machine)
    this.workload = new Workload(this.agent.machine.disk, this.chance.fork(), () => this.settings.path)
    this.deploys = new Deploys(this.agent.machine.disk, new Chance(seed * 13 + 5))
    this.visitors = new Visitors(new Chance(seed * 23 + 17))
    this.linkers = new Linkers(new Chance(seed * 59 + 53))
    this.uploads = new Chance(seed * 61 + 59)
    const now = () => this.scheduler.now
    const { sharesOneIn } = this.settings
    this.shared = sharesOneIn === 0 ? null : new SharedVolume(new Chance(seed * 37 + 29), this.agent.machine, now)
    this.away = new SourceAway(new Chance(seed * 41 + 37), this.agent.machine, now)
    this.swaps = new SwapWatch(this.deploys, this.settings.backend, this.agent.machine)
    this.receivers = this.settings.receivers.map((one) => this.#receiverHost(one))
    this.lines = new LineWatch(new Map(this.receivers.map(({ machine }) => [machine.name, machine])))
    this.rounds = new RoundWatch({
      agent: this.agent.machine,
      receivers: new Map(
        this.receivers.map((host) => [
          host.machine.name,
          { machine: host.machine, isReady: () => isReady(host), isReplaced: () => host.isReplaced },
        ]),
      ),
      lines: this.network.lines,
      now: () => this.scheduler.now,
    })
    this.ahead = new AheadWatch({
      hosts: () => this.receivers,
      workload: () => this.workload,
      isWrittenByOthers: (path) => this.shared !== null && isShared(path),
    })
    this.network.onFrame = (way, line, toAgent, frame) => {
      const said = this.receivers.find(({ caller }) => caller === line.caller)
      const sender = toAgent ? said : this.agent
      if (way === 'sent' && sender !== undefined) sender.isUnread = false
      const wasReplaced = said?.isReplaced === true
      if (way === 'sent' && toAgent && said !== undefined && wasReplaced)
        this.#judging(() => noteReplaced(said, frame, this.scheduler.now))
      // What the directory before was said to hold since then counts for nothing either.
      if (said !== undefined && wasReplaced && !said.isReplaced) this.lines.emptied(said.machine.name)
      if (way === 'sent') this.tell(`${line.caller.receiver} ${toAgent ? '──▶' : '◀──'} ${frameText(frame)}`)
      this.#judging(() => this.lines.note(way, line, toAgent, frame))
      if (way === 'sent') this.swaps.sent(line, toAgent, frame)
      if (way === 'sent') this.#judging(() => this.rounds.sent(line, toAgent, frame))
      else this.rounds.arrived(line, toAgent, frame)
      if (way === 'sent' && !this.settings.isDrifting) this.#judging(() => this.ahead.sent(line, toAgent, frame))
    }
    this.#around = {
      scheduler: this.scheduler,
      network: this.network,
      tell: (who, what) => this.tell(`${who}: ${what}`),
      broke: (who, error) => this.#broke(who, error),
    }
  }

  get hosts(): Host[] {
    return [this.agent, ...this.receivers]
  }

  tell(what: string): void {
    this.#tell(`${this.scheduler.now.toFixed(1).padStart(10)}  ${what}`)
  }

  /** Advances for this long, or until a condition holds. @returns whether it held. @throws Violation */
  async advance(ms: number, until: () => boolean = () => false): Promise<boolean> {
    const end = this.scheduler.now + ms
    for (;;) {
      await this.#startWhoIsDue()
      const next = Math.min(end, ...this.hosts.map(({ startAt }) => startAt ?? end))
      const hasTurned = await this.scheduler.turn(next)
      this.#look()
      if (until()) return true
      if (!hasTurned && this.scheduler.now >= end) return false
    }
  }

  /** Ends a daemon between two turns. */
  kill(host: Host): void {
    host.daemon?.process.kill()
  }

  async stop(host: Host): Promise<void> {
    await host.daemon?.stop()
  }

  losePower(host: Host): void {
    const { machine } = host
    this.kill(host)
    for (const stored of databasesOn(machine)) if (this.chance.oneIn(2)) stored.losePower()
    const lose = () => machine.disk.losePower(this.chance)
    if (isReceiver(host)) host.local.losePower(lose)
    else lose()
    machine.boot()
    host.isUnread = true
    if (!isReceiver(host)) return
    host.local.mayMove()
    this.lines.lostPower(machine.name)
    this.swaps.upsets(machine.name)
    this.rounds.goesBack(machine.name)
  }

  /** Somebody puts an empty directory in the place of a target. @returns whether that could be done */
  replaceTarget(host: ReceiverHost): boolean {
    const { machine, settings } = host
    const { disk } = machine
    const [place] = disk.find(TARGET)?.places ?? []
    if (place === undefined || settings.hasBorder || this.shared !== null) return false
    const { directory, name } = place
    disk.attach(directory, `${REPLACED}${directory.entries.size}`, disk.detach(directory, name))
    disk.makePath(TARGET, settings.stagesInside ? TARGET_DEVICE : undefined)
    host.local.mayMove()
    host.isReplaced = true
    host.replacedAt = this.scheduler.now
    this.lines.emptied(machine.name)
    this.swaps.upsets(machine.name)
    this.rounds.goesBack(machine.name)
    return true
  }

  /** Compares a receiver with the agent. @returns what is missing; empty: it is in sync */
  shortcomings(host: ReceiverHost): string[] {
    const { machine } = host
    const source = this.agent.machine.disk.reach(this.settings.path)
    const target = machine.disk.find(TARGET)
    if (source === null || target === null) return ['there is no tree']
    if (this.agent.daemon?.process.isDead !== false || host.daemon?.process.isDead !== false) return ['it is down']
    const position = positionOf(machine)
    const head = headOf(this.agent.machine)
    if (position === null || position.epoch !== epochOf(this.agent.machine)) return ['it has no position']
    if (position.sequence < head) return [`it is at ${position.sequence} of ${head}`]
    const isBordered = borderOf(host)
    const stays = (path: string, kind: Kind) =>
      host.untouchable.excludes(path, kind) || isBordered(path) || path.startsWith(STRANGER)
    const wanted = treeOf(source, stays)
    const inTheWay = pathsInTheWay(target, stays)
    // A protected path can be where another object should be: it stays, and the directory that holds it.
    const isBlocked = (path: string) =>
      [...inTheWay].some(
        (above) => isWithin(path, above) && wanted.get(above)?.outside.startsWith('directory') !== true,
      )
    const mayOwe = (path: string) => isBlocked(path) || isBordered(path) || isOnBothSides(source, path, isBordered)
    const owed = [...owedBy(machine)].filter((path) => !mayOwe(path))
    if (owed.length > 0) return [`it owes ${owed.join(', ')}`]
    const found = treeOf(target, (path, kind) => path === RESERVED || stays(path, kind))
    // What went while the agent had no index is reported, and stays until an operator orders a resync.
    const isReported = (path: string) => this.#keepsExtraneous(host) && !wanted.has(path)
    return [
      ...treeDifferences(wanted, found)
        .filter((line) => !isBlocked(line.path) && !isReported(line.path))
        .map(({ what }) => what),
      ...this.#missingAcross(host, source, target),
      ...(this.settings.linksOneIn > 0 ? linkDifferences(source, target, stays, RESERVED) : []),
    ]
  }

  /** What the source has and the filesystem that is mounted in the target has not: more may be there, and stays. */
  #missingAcross(host: ReceiverHost, source: Inode, target: Inode): string[] {
    const isBordered = borderOf(host)
    if (!host.settings.hasBorder || source.entries.get(BORDER)?.kind !== 'directory') return []
    const leaves = (path: string, kind: Kind) =>
      host.untouchable.excludes(path, kind) || (!isBordered(path) && path !== BORDER)
    const owed = owedBy(host.machine)
    const isOwed = (path: string): boolean => owed.has(path) || (path.includes('/') && isOwed(parentPath(path)))
    const found = treeOf(target, leaves)
    return [...treeOf(source, leaves)]
      .filter(([path, look]) => {
        const there = found.get(path) ?? ABSENT
        const isSame = look.outside.startsWith('directory')
          ? there.outside.startsWith('directory')
          : there.outside === look.outside && there.digest === look.digest
        return path !== '.' && !isSame && !isOwed(path)
      })
      .map(([path, look]) => `${path} on its own filesystem should be ${look.outside}`)
  }

  /** A person works at a machine: disk calls that no process makes. */
  at<Result>(host: Host, act: () => Result): Result {
    this.#enter(host.machine)
    try {
      return act()
    } finally {
      this.#enter(this.agent.machine)
    }
  }

  /** The settings have changed: other paths stay from now on. */
  renewFilters(): void {
    for (const host of this.receivers) host.untouchable = this.#untouchable(host.settings)
  }

  #enter(bystander: Machine): void {
    enter({ scheduler: this.scheduler, network: this.network, bystander })
  }

  #look(): void {
    if (this.shared?.isTouched === true) this.#judging(() => this.shared?.judge())
    this.#judging(() => this.away.judge())
    if (this.settings.deploysOneIn > 0) this.swaps.note()
    for (const host of this.receivers) {
      if (host.isChanged) this.#judging(() => this.swaps.judge(host))
      if (!host.isChanged || host.isReplaced || host.isUnread || this.agent.isUnread || this.settings.isDrifting)
        continue
      host.isChanged = false
      const { machine, untouchable } = host
      this.#judging(() => this.rounds.look(machine))
      const unsettled = this.lines.unsettled(machine.name)
      this.#judging(() =>
        judgeCommitted(this.agent.machine, machine, this.workload, {
          untouchable,
          unsettled,
          skips: borderOf(host),
          keepsExtraneous: this.#keepsExtraneous(host),
        }),
      )
    }
    if (this.#violation !== null) throw this.#violation
  }

  /** Whether what went while the agent had no index stays there until an operator orders a resync. */
  #keepsExtraneous({ settings }: ReceiverHost): boolean {
    return settings.extraneous === 'report' && this.agent.machine.boots > 1
  }

  #judging(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.#violation ??= error
    }
  }

  #broke(who: string, error: unknown): void {
    // An agent whose own disk is full may fail, as long as it recovers.
    if (who === 'agent' && this.agent.machine.isInTrouble) return
    // A target that is replaced ends the thread that had opened it.
    const isReplaced = this.receivers.some(({ machine, replacedAt }) => replacedAt !== null && machine.name === who)
    if (isReplaced && error instanceof Error && error.name === 'RootGone') return
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#violation ??= new Violation('sound', `a thread of ${who} ended: ${what}`)
  }

  async #startWhoIsDue(): Promise<void> {
    for (const host of this.hosts) {
      if (host.startAt === null || host.startAt > this.scheduler.now) continue
      host.startAt = null
      this.tell(`${host.machine.name}: starts`)
      if (host === this.agent) {
        const { backend, rescanMinutes } = this.settings
        const watch = { backend, settleMs: 20, maxWaitMs: 500, rescanMinutes }
        const isAcceptable = () => this.shared?.isMountedEverywhere !== false && !this.away.isAway
        const daemon = new AgentProcess(host.machine, () => ({ ...this.settings, watch, isAcceptable }), this.#around)
        this.#supervise(host, daemon.process)
        host.daemon = daemon
        await daemon.start()
      } else if (isReceiver(host)) {
        // Also when a burst is to be finished: it may have been emptied amid that.
        if (isBare(host)) {
          this.lines.emptied(host.machine.name)
          this.swaps.upsets(host.machine.name)
          this.rounds.goesBack(host.machine.name)
        }
        noteStart(host)
        const daemon = new ReceiverProcess(host.machine, host.settings, this.#around)
        this.#supervise(host, daemon.process)
        host.daemon = daemon
        await daemon.start(`boot-${host.machine.boots}`)
      }
    }
  }

  #supervise(host: Host, process: Process): void {
    process.atDeath.push(() => {
      this.tell(`${host.machine.name}: ends`)
      host.startAt ??= this.scheduler.now + this.chance.between(0, MOST_REST_MS)
      if (isReceiver(host)) host.isChanged = true
    })
  }

  #agentMachine(): Machine {
    const { tickMs, reusesNumbers, watchQueue, mostCallMs } = this.settings
    const machine = new Machine('agent', this.scheduler, this.chance.fork(), {
      tickMs,
      reusesNumbers,
      isVolatile: false,
      sharedNumbersFrom: 1_000_000,
    })
    machine.mostCallMs = mostCallMs
    machine.disk.put('/proc/sys/fs/inotify/max_queued_events', String(watchQueue))
    machine.disk.makePath(STATE)
    return machine
  }

  #receiverHost(settings: ReceiverSettings): ReceiverHost {
    const { tickMs } = this.settings
    const sharedNumbersFrom = 1_000_000 * (2 + this.settings.receivers.indexOf(settings))
    const options = { tickMs, reusesNumbers: false, isVolatile: true, sharedNumbersFrom }
    const machine = new Machine(settings.name, this.scheduler, this.chance.fork(), options)
    machine.mostCallMs = settings.mostCallMs
    machine.disk.makePath(TARGET, settings.stagesInside ? TARGET_DEVICE : undefined)
    machine.disk.makePath(STATE)
    if (settings.hasBorder) mount(machine, settings.stagesInside)
    this.shared?.add(machine)
    const local = new LocalContent(machine)
    if (settings.isPopulated) this.#populate(local, settings.hasBorder)
    if (settings.isPopulated && settings.hasBorder) for (const path of ACROSS) local.putAcross(path)
    const { breaksAfterBytes } = this.settings
    const caller = {
      receiver: settings.name,
      quality: settings.quality,
      isBlocked: false,
      isStalled: false,
      breaksAfterBytes,
      isComparing: false,
    }
    this.network.callers.set(settings.name, caller)
    const host: ReceiverHost = {
      machine,
      settings,
      caller,
      untouchable: this.#untouchable(settings),
      isChanged: false,
      isReplaced: false,
      replacedAt: null,
      isUnread: false,
      daemon: null,
      startAt: 0,
      local,
    }
    watchTarget({
      machine,
      workload: this.workload,
      untouchable: () => host.untouchable,
      isDrifting: this.settings.isDrifting,
      changed: (isShared) => {
        host.isChanged = true
        if (isShared && this.shared !== null) this.shared.isTouched = true
      },
      sharing: (path) => this.shared?.placed(machine, path, () => knowsVolume(machine, SHARED)),
      showing: (change, path) => {
        this.rounds.changing(machine)
        this.swaps.changing(host, change, path)
      },
      violated: (violation) => {
        this.#violation ??= violation
      },
    })
    return host
  }

  #untouchable({ protect }: ReceiverSettings): PathFilter {
    return new PathFilter([...this.settings.exclude, ...protect])
  }

  #populate(local: LocalContent, hasBorder: boolean): void {
    for (const path of ['a', 'b/a', 'c.php', 'keep/own', 'd/e/x.log', 'unknown/deep/file']) {
      if (!this.chance.oneIn(2)) continue
      if (hasBorder && path.startsWith(`${BORDER}/`)) local.putAcross(path)
      else local.put(path)
    }
  }
}

/** Nothing is in the target but what is this host's own. */
export function isBare({ machine, settings: { protect } }: ReceiverHost): boolean {
  const own = new PathFilter(protect)
  const entries = [...(machine.disk.find(TARGET)?.entries ?? [])]
  return entries.every(([name, { kind }]) => name === RESERVED || own.excludes(name, kind))
}

/** Tells of a path whether it is the place where another filesystem is mounted, or below. */
function borderOf({ settings }: ReceiverHost): (path: string) => boolean {
  return (path) => isShared(path) || (settings.hasBorder && (path === BORDER || path.startsWith(`${BORDER}/`)))
}

function mount({ disk }: Machine, stagesInside: boolean): void {
  disk.makePath(`${TARGET}/${BORDER}`, BORDER_DEVICE)
  disk.put(`${TARGET}/${BORDER}/${OWN_FILE}`, 'uploaded here')
  const target = stagesInside ? `21 1 0:${TARGET_DEVICE} / ${TARGET} rw - ext4 disk rw\n` : ''
  disk.put('/proc/self/mountinfo', `${target}22 21 0:${BORDER_DEVICE} / ${TARGET}/${BORDER} rw - tmpfs tmpfs rw\n`)
  // It is no file that a loss of power could empty.
  disk.syncAll()
}

export function isReceiver(host: Host): host is ReceiverHost {
  return 'caller' in host
}

/** As its load balancer sees it. */
function isReady({ daemon }: ReceiverHost): boolean {
  if (!(daemon instanceof ReceiverProcess) || daemon.process.isDead || !daemon.isUp) return false
  return notReadyReason(daemon.state, null, 0) === null
}

/**
 * The names under which receivers are known: that of their token, and for a token of many nodes one for each node.
 *
 *   a node that is new ─▶ TOKEN-HOST ─ taken by another node that is here ─▶ TOKEN-HOST-ID
 *   a node that was away for as long as the token says ─▶ forgotten
 *
 * INVARIANT: no two receivers have one name. A node keeps its name over restarts of both sides, as long as it is not
 * forgotten; a node of the same token and host takes over the name of one that is away.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@rootferry/host/daemon'
import { EXIT, errorCode, errorMessage, Failure, writeDurably } from '@rootferry/host/machine'
import { ProtocolError } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'
import { grants, type StoredToken } from './tokens.ts'

const Node = Type.Object(
  { token: Type.String(), name: Type.String({ maxLength: 63 }), host: Type.String(), id: Type.String() },
  { additionalProperties: false },
)
const NodeFile = Type.Object({ version: Type.Literal(1), nodes: Type.Array(Node) }, { additionalProperties: false })
export type KnownNode = Static<typeof Node>

/** What a connection says of its node. */
export interface NodeSigns {
  /** The header Rootferry-Node: a host name and a number; null: the connection has none. */
  header: string | null
  address: string
}

export interface NodesParts {
  stateDir: string
  log: Logger
  tokens(): readonly StoredToken[]
  /** Whether a receiver of that name has a connection. */
  isConnected(name: string): boolean
  /** Nothing waits for that receiver any more. */
  forget(name: string): void
}

/** Of one token. */
const MOST_NODES = 1_000
const MOST_NAME = 63
const SWEEP_MS = 1_000
const ID_DIGITS = 8
const HEADER = /^([A-Za-z0-9._-]{1,255}) ([0-9a-f]{8,64})$/

export class Nodes {
  readonly #parts: NodesParts
  #nodes: KnownNode[] = []
  /** By name: since when a node has been away, by the monotonic clock of this life. */
  readonly #awaySinceMs = new Map<string, number>()
  #sweep: NodeJS.Timeout | null = null

  constructor(parts: NodesParts) {
    this.#parts = parts
  }

  /** @throws Failure when the file exists and cannot be understood */
  open(): void {
    this.#nodes = readNodes(this.#parts.stateDir)
    this.#sweep = setInterval(() => this.#forgetAway(), SWEEP_MS)
  }

  close(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep)
  }

  /** Every receiver that may connect, with its token. */
  get receivers(): { name: string; token: StoredToken }[] {
    return this.#parts
      .tokens()
      .filter(({ admin }) => admin === false)
      .flatMap((token) => {
        if (token.many === undefined) return [{ name: token.name, token }]
        return this.#nodes.filter((node) => node.token === token.name).map(({ name }) => ({ name, token }))
      })
  }

  /** The name of a connection with that token. @throws ProtocolError when the token has too many nodes */
  nameOf(token: StoredToken, { header, address }: NodeSigns): string {
    if (token.many === undefined) return token.name
    const [, host = plain(address), id = ''] = HEADER.exec(header ?? '') ?? []
    const own = this.#nodes.filter((node) => node.token === token.name && node.host === host)
    const known = own.find((node) => node.id === id)
    if (known !== undefined) return known.name
    const left = own.find(({ name }) => !this.#parts.isConnected(name))
    if (left !== undefined) {
      left.id = id
      this.#save()
      return left.name
    }
    return this.#welcome(token.name, host, id)
  }

  isGranted(receiver: string, root: string): boolean {
    return this.receivers.some(({ name, token }) => name === receiver && grants(token, root))
  }

  /** The hash of the token of that receiver, if it may have the root; null: it may not. */
  secretOf(receiver: string, root: string): string | null {
    const owner = this.#nodes.find(({ name }) => name === receiver)?.token ?? receiver
    const isNode = owner !== receiver
    const token = this.#parts
      .tokens()
      .find(({ name, admin, many }) => name === owner && admin === false && (many !== undefined) === isNode)
    return token !== undefined && grants(token, root) ? token.sha256 : null
  }

  /** The token is gone, and its nodes with it. @returns the names that were its receivers */
  revoked(token: StoredToken): string[] {
    if (token.many === undefined) return [token.name]
    const names = this.#nodes.filter((node) => node.token === token.name).map(({ name }) => name)
    this.#drop(names)
    return names
  }

  #welcome(token: string, host: string, id: string): string {
    if (this.#nodes.filter((node) => node.token === token).length >= MOST_NODES)
      throw new ProtocolError('limit-exceeded', `the token ${token} has ${MOST_NODES} nodes, which is the most`)
    const simple = `${token}-${host}`.slice(0, MOST_NAME)
    const name = this.#isTaken(simple) ? this.#freeName(simple, id) : simple
    this.#nodes.push({ token, name, host, id })
    this.#save()
    const details = { token, receiver: name, host }
    if (name === simple) this.#parts.log.info(details, 'a new node of a token')
    else
      this.#parts.log.warn({ ...details, taken: simple }, 'a new node of a token, whose name is taken by another node')
    return name
  }

  #isTaken(name: string): boolean {
    return this.#nodes.some((node) => node.name === name) || this.#parts.tokens().some((token) => token.name === name)
  }

  #freeName(simple: string, id: string): string {
    for (let number = 1; ; number += 1) {
      const end = id === '' || number > 1 ? `-${number + 1}` : `-${id.slice(0, ID_DIGITS)}`
      const name = `${simple.slice(0, MOST_NAME - end.length)}${end}`
      if (!this.#isTaken(name)) return name
    }
  }

  #forgetAway(): void {
    const nowMs = performance.now()
    const gone: string[] = []
    for (const { name, token } of this.receivers) {
      if (token.many === undefined || this.#parts.isConnected(name)) {
        this.#awaySinceMs.delete(name)
        continue
      }
      const sinceMs = this.#awaySinceMs.get(name) ?? nowMs
      this.#awaySinceMs.set(name, sinceMs)
      if (nowMs - sinceMs >= token.many.forgetAfterSeconds * 1_000) gone.push(name)
    }
    if (gone.length === 0) return
    this.#drop(gone)
    for (const name of gone) {
      this.#parts.forget(name)
      this.#parts.log.info({ receiver: name }, 'a node that was away is forgotten')
    }
  }

  #drop(names: readonly string[]): void {
    const dropped = new Set(names)
    for (const name of names) this.#awaySinceMs.delete(name)
    this.#nodes = this.#nodes.filter(({ name }) => !dropped.has(name))
    this.#save()
  }

  #save(): void {
    try {
      writeDurably(fileOf(this.#parts.stateDir), `${JSON.stringify({ version: 1, nodes: this.#nodes })}\n`, 0o600)
    } catch (error) {
      // The nodes are known for this life; the next one learns them anew.
      this.#parts.log.error({ error: errorMessage(error) }, 'the names of nodes cannot be saved')
    }
  }
}

/** The nodes that the agent of that directory knows. @throws Failure when the file cannot be understood */
export function readNodes(stateDir: string): KnownNode[] {
  const file = fileOf(stateDir)
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Check(NodeFile, value)) return value.nodes
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    if (!(error instanceof SyntaxError))
      throw new Failure(EXIT.failed, `${file}: ${errorMessage(error)}`, { cause: error })
  }
  throw new Failure(EXIT.badConfiguration, `${file}: is not a file of nodes of this version`)
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'nodes.json')
}

function plain(address: string): string {
  return address.replaceAll(/[^A-Za-z0-9._-]/g, '-')
}

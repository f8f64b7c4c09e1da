/** A log as an agent's session writes it, without a broker: a certificate, a welcome, and changesets of one file each. */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeMessage, fingerprintOf, type Welcome } from '@rootferry/protocol'
import { LogEncoder } from '../src/log-encoder.ts'
import type { LogMessage, LogPosition } from '../src/log-entry.ts'
import { type Signer, signerOf } from '../src/signature.ts'

export interface Identity {
  signer: Signer
  fingerprint: string
}

export function makeIdentity(): Identity {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-key-'))
  try {
    const [key, cert] = [join(place, 'key'), join(place, 'cert')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const words = ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-subj', '/CN=agent', '-days', '2']
    execFileSync('openssl', words, { stdio: 'ignore' })
    const pem = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    return { signer: signerOf(pem), fingerprint: fingerprintOf(new X509Certificate(pem.cert).raw) }
  } finally {
    rmSync(place, { recursive: true })
  }
}

export function welcomeOf(epoch: string, term: string, sequence: number): Welcome {
  return {
    type: 'welcome',
    software: 'test',
    epoch,
    term,
    head: sequence,
    start: 'replay',
    sequence,
    reason: 'test',
    total: { entries: 1, bytes: 1 },
    filter: ['*.log'],
    prepared: null,
    released: 0,
    othersCurrent: false,
    clash: null,
  }
}

export class WrittenLog {
  readonly root: string
  #encoder: LogEncoder
  #at: LogPosition | null

  constructor(root: string, signer: Signer, welcome: Welcome, at: LogPosition | null) {
    this.root = root
    this.#at = at
    this.#encoder = new LogEncoder(root, signer, at)
    this.#encoder.encode(encodeMessage(welcome))
  }

  /** A session's frames; `ending` null: nothing comes after the last byte. */
  changeset(
    to: number,
    content: Uint8Array,
    {
      ending = 'commit',
      base = this.#at?.sequence ?? 0,
      from = base,
    }: { ending?: 'commit' | 'prepare' | null; base?: number; from?: number } = {},
  ): LogMessage[] {
    const bytes = content.byteLength
    const frames: (string | Uint8Array)[] = [
      encodeMessage({ type: 'changeset', base, from, to, head: to, request: null, changes: 1, bytes }),
      encodeMessage({
        type: 'segment',
        index: 0,
        encoding: 'tar',
        bytes,
        tarBytes: bytes,
        changes: [],
        slice: null,
        to,
        users: [],
        groups: [],
      }),
      content,
    ]
    if (ending === 'commit') frames.push(encodeMessage({ type: 'commit', to }))
    if (ending === 'prepare') frames.push(encodeMessage({ type: 'prepare', to, doubtMs: 6_000 }))
    if (ending === 'commit') this.#at = { epoch: '', term: '', sequence: to }
    return frames.flatMap((frame) => this.#encoder.encode(frame).messages)
  }
}

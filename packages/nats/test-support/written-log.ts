/** A log as an agent's session writes it, without a broker: certificates, a welcome, and changesets of one file each. */
import { X509Certificate } from 'node:crypto'
import { encodeMessage, fingerprintOf, type Welcome } from '@rootferry/protocol'
import { LogEncoder } from '../src/log-encoder.ts'
import type { LogMessage, LogPosition } from '../src/log-entry.ts'
import { type Signer, signerOf } from '../src/signature.ts'

export interface Identity {
  signer: Signer
  fingerprint: string
}

/** Keys that sign nothing but tests. */
const PAIRS = [
  {
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1I7GAev64vInQBpV
doi7w8/E1kbBTbYpNyTBDm89AymhRANCAAQUzYmrGT9VOv7uKzR7wHtpXAgbXE4v
cuyOZQsYzItl1n369qmU8XD/UXzFMZJZRBwylKhvfD1eHCq1tdLv/Hzz
-----END PRIVATE KEY-----`,
    cert: `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUP/aR/7vnaP3BS53YAPQHV1Yf8KYwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkxMjA1MDdaGA8yMTI2MTEwNTEyMDUw
N1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBTN
iasZP1U6/u4rNHvAe2lcCBtcTi9y7I5lCxjMi2XWffr2qZTxcP9RfMUxkllEHDKU
qG98PV4cKrW10u/8fPOjUzBRMB0GA1UdDgQWBBTaeEZhtXjK4LUZBI8nUe+Gl2lJ
GjAfBgNVHSMEGDAWgBTaeEZhtXjK4LUZBI8nUe+Gl2lJGjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIGbn2PrDQchhOH32DjWC0AWsGQwtuxrHfOWK
+SfHpTPhAiEAwvx76MgEHcE5hVeC3XO/i8633FoxRXIeZbRvBsw5kZM=
-----END CERTIFICATE-----`,
  },
  {
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUp+MqhKHoVKH9o4q
9UPZvb11BHwWbVFSAp7RF3QRhoOhRANCAAR59+S79l7mEQRHnMA2i6QVnGbt3bwL
dPbmv62GNGJ15ajAVnvWlU5rVVNcZ0eiuzjTNMO/DmftQqyMIHU40y6e
-----END PRIVATE KEY-----`,
    cert: `-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUXpTGSnI2FWCDe50BxhNZtNT8Nd0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkxMjA1MDdaGA8yMTI2MTEwNTEyMDUw
N1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHn3
5Lv2XuYRBEecwDaLpBWcZu3dvAt09ua/rYY0YnXlqMBWe9aVTmtVU1xnR6K7ONM0
w78OZ+1CrIwgdTjTLp6jUzBRMB0GA1UdDgQWBBSKsa0mJM1Oqg3yUoA9lKTydawj
xTAfBgNVHSMEGDAWgBSKsa0mJM1Oqg3yUoA9lKTydawjxTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCICmtC0+XBd63v5DLPvLFVT+m/pCd+RKULzbp
LKztHXvkAiA3JUVaF6GKw4he5V7e0VyQFM7dZF6fqFn5Zkuq6wuTtw==
-----END CERTIFICATE-----`,
  },
] as const

/** @param number of a pair: the first is the agent's */
export function testIdentity(number: 0 | 1): Identity {
  const pem = PAIRS[number]
  return { signer: signerOf(pem), fingerprint: fingerprintOf(new X509Certificate(pem.cert).raw) }
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

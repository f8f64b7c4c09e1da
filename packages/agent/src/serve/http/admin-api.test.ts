/** The admin API as a client meets it: which client may ask what, and the answers to wrong requests. */
import assert from 'node:assert/strict'
import { after, before, describe, it, test } from 'node:test'
import { createLogger, HttpProblem, PROBLEMS, ProblemSchema } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { Compile } from 'typebox/compile'
import { mintToken } from '../door/tokens.ts'
import { History } from '../history.ts'
import { Resyncs } from '../resync/resyncs.ts'
import { Resync, ResyncList } from '../schemas/resyncs.ts'
import { Status } from '../schemas/status.ts'
import { buildAdminApi } from './admin-api.ts'
import { EventLog } from './event-log.ts'
import type { Http } from './http-types.ts'
import { PageSessions } from './page-sessions.ts'

const isProblem = Compile(ProblemSchema)
const admin = mintToken()
const receiver = mintToken()
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const reader = mintToken()
const asAdmin = bearer(admin.token)

/** An API over an agent with one root, which web1 receives. */
function newApi(): Promise<Http> {
  const stored = (name: string, sha256: string, admin: boolean | 'read') => ({
    name,
    sha256,
    admin,
    roots: null,
    createdAt: '',
  })
  const known = new Map([
    [admin.token, stored('ops', admin.sha256, true)],
    [reader.token, stored('wall', reader.sha256, 'read')],
    [receiver.token, stored('web1', receiver.sha256, false)],
  ])
  const shop = {
    knows: (name: string) => name === 'web1',
    resync: () => undefined,
    cancelResync: () => undefined,
    keepResyncs: () => undefined,
    keptResyncs: [],
  }
  return buildAdminApi({
    version: '1.2.3',
    log: createLogger('test', 'json', 'silent', { colour: false, isJournal: false, isInteractive: false }),
    ownHost: 'admin.example',
    authenticate: (token) => known.get(token) ?? null,
    sessions: new PageSessions({
      inForce: (sha256) => [...known.values()].find((token) => token.sha256 === sha256) ?? null,
      now: () => 0,
    }),
    tokens: () => [],
    newToken: async () => {
      throw new Failure(EXIT.failed, 'a token named web1 exists already: revoke it first')
    },
    revokeToken: () => false,
    certificate: () => null,
    roots: () => [
      {
        name: 'shop',
        epoch: 'e',
        sequence: 7,
        state: 'halted',
        reason: 'it is empty',
        entries: { files: 1, directories: 1, symlinks: 0, bytes: 3 },
        watch: { backend: null, degraded: null },
        problems: [{ path: 'a', code: 'unreadable', message: 'no' }],
        problemCount: 1,
        scanningSince: null,
        oldestHintAt: null,
        hold: null,
        hooks: [],
        log: null,
      },
    ],
    readyReceivers: (root) => (root === 'shop' ? [{ name: 'web1', address: '10.0.0.11' }] : null),
    receivers: () => [
      {
        name: 'web1',
        root: 'shop',
        state: 'offline',
        sequence: 0,
        durableSequence: 0,
        lag: { sequences: 7, seconds: 1.5 },
        toCome: { bytes: 0, share: null },
        owed: { count: 0, paths: [] },
        trash: null,
        clash: null,
        transport: null,
        region: null,
        connectedAt: null,
        lastSeenAt: '2026-01-31T08:15:00.000Z',
        lastError: null,
      },
    ],
    changes: async (root) => ({ root, head: 1, next: 1, changes: [], receivers: [] }),
    acceptGuard: async (root) => {
      if (root !== 'shop') throw new HttpProblem('unknown-root', 'no')
      return 'not-halted'
    },
    holds: {
      hold: async () => {
        throw new HttpProblem('held', 'shop has been held by ops since noon: deploy.')
      },
      release: async () => {
        throw new HttpProblem('not-held', 'shop is not held.')
      },
      rounds: () => [],
    },
    resyncs: new Resyncs({
      roots: new Map([['shop', shop]]),
      receivers: () => ['web1'],
      isGranted: () => true,
      now: () => new Date(0),
      newId: () => 'r1',
      changed: () => undefined,
    }),
    events: new EventLog('life'),
    history: new History(),
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
  })
}

let http: Http
before(async () => {
  http = await newApi()
})
after(() => http.close())

interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: string
  headers?: Record<string, string>
  payload?: string
}

const json = { 'content-type': 'application/json' }
const order = (payload: string, headers: Record<string, string> = json): Request => ({
  method: 'POST',
  url: '/v1/resyncs',
  headers: { ...asAdmin, ...headers },
  payload,
})

describe('a wrong request is answered by a problem document', () => {
  const CASES: [what: string, request: Request, code: keyof typeof PROBLEMS, detail?: RegExp][] = [
    ['no token', { method: 'GET', url: '/v1/status' }, 'unauthorized', /missing/],
    ['an unknown token', { method: 'GET', url: '/v1/status', headers: bearer('rf_x') }, 'unauthorized', /not known/],
    ['the token of a receiver', { method: 'GET', url: '/v1/events', headers: bearer(receiver.token) }, 'forbidden'],
    [
      'a change that a read-only token asks for',
      { method: 'POST', url: '/v1/resyncs', headers: bearer(reader.token) },
      'forbidden',
      /^wall is a read-only token/,
    ],
    [
      'a release that a read-only token asks for',
      { method: 'POST', url: '/v1/roots/shop/release', headers: bearer(reader.token) },
      'forbidden',
      /^wall is a read-only token/,
    ],
    [
      'the dry run of a release, which a read-only token may ask for',
      {
        method: 'POST',
        url: '/v1/roots/shop/release',
        headers: { ...json, ...bearer(reader.token) },
        payload: '{"dryRun":true}',
      },
      'not-held',
    ],
    [
      'the dry run of a release that a receiver asks for',
      {
        method: 'POST',
        url: '/v1/roots/shop/release',
        headers: { ...json, ...bearer(receiver.token) },
        payload: '{"dryRun":true}',
      },
      'forbidden',
    ],
    [
      'signing in with the token of a receiver',
      { method: 'POST', url: '/v1/session', headers: json, payload: JSON.stringify({ token: receiver.token }) },
      'forbidden',
    ],
    [
      'signing in with a link that there never was',
      { method: 'POST', url: '/v1/session', headers: json, payload: '{"code":"x"}' },
      'unauthorized',
      /another one/,
    ],
    ['no such route', { method: 'GET', url: '/v2/status' }, 'not-found'],
    ['no such method', { method: 'PUT', url: '/v1/resyncs/x' }, 'method-not-allowed', /DELETE/],
    ['no such resync', { method: 'GET', url: '/v1/resyncs/x', headers: asAdmin }, 'unknown-resync'],
    ['no such round', { method: 'GET', url: '/v1/rounds/x', headers: asAdmin }, 'unknown-round'],
    ['cancelling no such resync', { method: 'DELETE', url: '/v1/resyncs/x', headers: asAdmin }, 'unknown-resync'],
    ['revoking no such token', { method: 'DELETE', url: '/v1/tokens/x', headers: asAdmin }, 'unknown-token'],
    [
      'a token of a name that is taken',
      {
        method: 'POST',
        url: '/v1/tokens',
        headers: { ...asAdmin, ...json },
        payload: '{"name":"web1","kind":"receiver"}',
      },
      'name-taken',
    ],
    ['no such root', { method: 'POST', url: '/v1/roots/x/guard/accept', headers: asAdmin }, 'unknown-root'],
    [
      'a root that is held already',
      { method: 'POST', url: '/v1/roots/shop/hold', headers: asAdmin },
      'held',
      /by ops since noon: deploy/,
    ],
    ['a root that is not held', { method: 'POST', url: '/v1/roots/shop/release', headers: asAdmin }, 'not-held'],
    [
      'a hold for ever',
      { method: 'POST', url: '/v1/roots/shop/hold', headers: { ...asAdmin, ...json }, payload: '{"forSeconds": -1}' },
      'invalid-request',
      /^forSeconds must be a whole number of seconds from 0 to 604800: /,
    ],
    [
      'a root that is not halted',
      { method: 'POST', url: '/v1/roots/shop/guard/accept', headers: asAdmin },
      'not-halted',
    ],
    ['a URL that is none', { method: 'GET', url: '/%zz' }, 'malformed-request'],
    ['a body that is not JSON', order('{"root":'), 'malformed-request'],
    ['a body of another type', order('root=shop', { 'content-type': 'text/plain' }), 'unsupported-media-type'],
    ['a body that is huge', order(`{"root":"${'x'.repeat(70_000)}"}`), 'body-too-large'],
    ['a body that is a list', order('[]'), 'invalid-request', /the body must be an object/],
    ['an unknown key', order('{"rot":"shop"}'), 'invalid-request', /^rot is unknown, known here: root, receivers/],
    ['an unknown check', order('{"check":"all"}'), 'invalid-request', /^check must be metadata or content$/],
    ['two faults at once', order('{"receivers":"a","dryRun":1}'), 'invalid-request', /receivers must .*dryRun must/],
    ['an unknown root in an order', order('{"root":"nope"}'), 'unknown-root', /nope/],
    ['an unknown receiver in an order', order('{"receivers":["nope"]}'), 'unknown-receiver', /nope/],
    ['a path out of the root', order('{"paths":["../etc"]}'), 'invalid-path', /etc/],
    [
      'a page of another site',
      { method: 'GET', url: '/livez', headers: { origin: 'http://evil.test' } },
      'foreign-page',
    ],
    ['a name that an outsider made', { method: 'GET', url: '/livez', headers: { host: 'evil.test' } }, 'foreign-host'],
    ['a halted root', { method: 'GET', url: '/readyz' }, 'not-ready', /^shop: it is empty$/],
  ]
  for (const [what, request, code, detail] of CASES) {
    it(`${what}: ${PROBLEMS[code].status} ${code}`, async () => {
      const response = await http.inject(request)
      assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
      const document: unknown = response.json()
      assert.ok(isProblem.Check(document), response.body)
      assert.equal(document.code, code)
      assert.equal(response.statusCode, PROBLEMS[code].status)
      assert.equal(document.status, response.statusCode)
      if (detail !== undefined) assert.match(document.detail, detail)
    })
  }
})

test('a refusal for want of a token names the scheme, and one of a method those that there are', async () => {
  const stranger = await http.inject({ method: 'GET', url: '/v1/status' })
  assert.match(String(stranger.headers['www-authenticate']), /^Bearer/)
  const put = await http.inject({ method: 'PUT', url: '/v1/resyncs' })
  assert.deepEqual(String(put.headers['allow']).split(', ').sort(), ['GET', 'HEAD', 'POST'])
})

test('own pages, addresses and short names are let in', async () => {
  for (const headers of [
    { host: '127.0.0.1:8731', origin: 'http://127.0.0.1:8731' },
    { host: '[::1]:8731' },
    { host: 'localhost' },
    { host: 'admin1:8731' },
    { host: 'ADMIN.example:8731' },
  ]) {
    assert.equal((await http.inject({ url: '/livez', headers })).statusCode, 200, JSON.stringify(headers))
  }
  for (const host of ['evil.test:8731', '127.0.0.1.evil.test', 'a b', 'admin.example.evil.test', '[::1].evil.test']) {
    assert.equal((await http.inject({ url: '/livez', headers: { host } })).statusCode, 403, host)
  }
})

/** Signs in. @returns the header of the session */
async function signedIn(shown: object): Promise<{ cookie: string }> {
  const response = await http.inject({ method: 'POST', url: '/v1/session', payload: shown })
  assert.equal(response.statusCode, 200, response.body)
  const [session] = response.cookies
  assert.deepEqual([session?.httpOnly, session?.sameSite, session?.path], [true, 'Strict', '/'])
  return { cookie: `${session?.name}=${session?.value}` }
}

test('a session has the rights of its token until it signs out', async () => {
  const full = await signedIn({ token: ` ${admin.token}\n` })
  assert.equal((await http.inject({ url: '/v1/status', headers: full })).statusCode, 200)
  assert.deepEqual((await http.inject({ url: '/v1/session', headers: full })).json(), {
    name: 'ops',
    access: 'full',
    version: '1.2.3',
  })
  const reading = await signedIn({ token: reader.token })
  assert.equal((await http.inject({ url: '/v1/status', headers: reading })).statusCode, 200)
  const refused = await http.inject({ method: 'POST', url: '/v1/roots/shop/guard/accept', headers: reading })
  assert.equal(refused.json().code, 'forbidden')
  await http.inject({ method: 'DELETE', url: '/v1/session', headers: full })
  assert.equal((await http.inject({ url: '/v1/status', headers: full })).statusCode, 401)
})

test('a link signs in once', async () => {
  const link = await http.inject({ method: 'POST', url: '/v1/page-links', headers: asAdmin })
  const code = String(link.json().path).replace('/#sign-in=', '')
  await signedIn({ code })
  const again = await http.inject({ method: 'POST', url: '/v1/session', payload: { code } })
  assert.equal(again.statusCode, 401)
})

test('a wrong bearer token is not mended by a session', async () => {
  const session = await signedIn({ token: admin.token })
  const headers = { ...session, ...bearer('rf_x') }
  assert.equal((await http.inject({ url: '/v1/status', headers })).statusCode, 401)
})

test('the page may run its own files, and nothing else', async () => {
  const page = await http.inject('/')
  assert.equal(page.statusCode, 200)
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /default-src 'none';script-src 'self';style-src 'self'/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  assert.doesNotMatch(page.body, /<script(?![^>]*src="\/page\.js")|<style|style=|\son[a-z]+=|https?:/)
})

test('probes and metrics need no token', async () => {
  assert.deepEqual((await http.inject('/livez')).json(), { status: 'alive' })
  const metrics = await http.inject('/metrics')
  assert.equal(metrics.body, 'up 1\n')
  assert.match(String(metrics.headers['content-type']), /^text\/plain; version=0\.0\.4/)
})

test('answers are what the schemas say', async () => {
  const status: unknown = (await http.inject({ url: '/v1/status', headers: asAdmin })).json()
  assert.ok(Compile(Status).Check(status), JSON.stringify(status))
  const list: unknown = (await http.inject({ url: '/v1/resyncs', headers: asAdmin })).json()
  assert.ok(Compile(ResyncList).Check(list), JSON.stringify(list))
})

test('a resync is accepted with a place to look at it; everything in its body, and the body, may be left out', async () => {
  for (const request of [
    order('{"root":"shop","receivers":["web1"],"paths":["a b"],"check":"content","dryRun":true}'),
    order('{}'),
    order('{"root":null}'),
    order('null'),
    order(''),
    order('{}', { 'content-type': 'application/json; charset=utf-8' }),
    { method: 'POST' as const, url: '/v1/resyncs', headers: asAdmin },
  ]) {
    const response = await http.inject(request)
    assert.equal(response.statusCode, 202, response.body)
    const accepted: unknown = response.json()
    assert.ok(Compile(Resync).Check(accepted), response.body)
    assert.equal(response.headers['location'], `/v1/resyncs/${accepted.id}`)
    const found = await http.inject({ url: `/v1/resyncs/${accepted.id}`, headers: asAdmin })
    assert.deepEqual(found.json(), accepted)
  }
})

test('a content type without a body is accepted where no body is expected', async () => {
  for (const [method, url, status] of [
    ['DELETE', '/v1/resyncs/r1', 200],
    ['POST', '/v1/roots/shop/guard/accept', 409],
  ] as const) {
    const response = await http.inject({ method, url, headers: { ...asAdmin, ...json } })
    assert.equal(response.statusCode, status, response.body)
  }
})

test('a flood is answered 429 with Retry-After, and does not blind the probes', async () => {
  const flooded = await newApi()
  try {
    const answers: Awaited<ReturnType<Http['inject']>>[] = []
    while (!answers.some(({ statusCode }) => statusCode === 429)) {
      assert.ok(answers.length < 5_000, 'no limit was met')
      const guess = { url: '/v1/status', headers: bearer('rf_guess') }
      answers.push(...(await Promise.all(Array.from({ length: 50 }, () => flooded.inject(guess)))))
    }
    const refused = answers.find(({ statusCode }) => statusCode === 429)
    assert.ok(Number(refused?.headers['retry-after']) >= 1)
    assert.equal(refused?.json().code, 'too-many-requests')
    assert.equal(answers[0]?.statusCode, 401)
    assert.equal((await flooded.inject('/livez')).statusCode, 200)
  } finally {
    await flooded.close()
  }
})

test('openapi.json in the repository is what the routes say (write it anew: --test-update-snapshots)', async (t) => {
  const document: unknown = (await http.inject('/openapi.json')).json()
  // The version of the software is not part of the interface.
  const text = JSON.stringify(document, null, 2).replace('"1.2.3"', '"0"')
  t.assert.fileSnapshot(`${text}\n`, new URL('../../../openapi.json', import.meta.url).pathname, {
    serializers: [(value) => String(value)],
  })
})

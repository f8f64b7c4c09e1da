/**
 * Test support: one example of every message, and of every alternative within one. A new field must be added here too.
 *
 * The golden bytes are these examples encoded; the test of bounds changes one field of an example at a time.
 */
import type { FileChange } from '../src/changeset.ts'
import { digestOf } from '../src/digest.ts'
import type { ToAgent, ToReceiver } from '../src/messages.ts'
import type { Extended } from '../src/preserved.ts'

const attributes = { mode: 0o644, uid: 33, gid: 33, mtime: 1_767_225_600_123_456 }
const DIGEST = digestOf(new TextEncoder().encode('<?php\n'))

const extended: Extended = {
  acl: [
    ['u', null, 6],
    ['u', 1001, 4],
    ['g', null, 4],
    ['m', null, 4],
    ['o', null, 0],
  ],
  defaultAcl: [
    ['u', null, 7],
    ['g', null, 5],
    ['g', 33, 7],
    ['m', null, 7],
    ['o', null, 5],
  ],
  xattrs: [['user.origin', 'aHR0cHM6Ly9leGFtcGxlLm9yZw==']],
}

const fileAt = <Source extends FileChange['source']>(path: string, source: Source) => {
  return { path, kind: 'file' as const, ...attributes, size: 6, digest: DIGEST, source }
}

type ExamplesOf<Message extends { type: string }> = {
  [Type in Message['type']]: readonly [
    Extract<Message, { type: Type }>,
    ...(readonly Extract<Message, { type: Type }>[]),
  ]
}

export const EXAMPLES_TO_AGENT: ExamplesOf<ToAgent> = {
  hello: [
    {
      type: 'hello',
      software: '0.1.0',
      root: 'shop',
      epoch: 'q83vEjRWeJA',
      term: 'Zm9vYmFyYmE',
      sequence: 1234,
      durable: 1200,
      target: 'populated',
      partials: [{ path: 'var/import.csv', content: 1199, bytes: 8_387_072 }],
      encodings: ['tar', 'zstd'],
      credit: 25_165_824,
      prepared: { sequence: 1240, term: 'Zm9vYmFyYmE' },
    },
    {
      type: 'hello',
      software: '0.1.0',
      root: 'shop',
      epoch: null,
      term: null,
      sequence: 0,
      durable: 0,
      target: 'empty',
      partials: [],
      encodings: ['tar'],
      credit: 1,
      prepared: null,
    },
  ],
  credit: [{ type: 'credit', bytes: 2_097_152 }],
  committed: [{ type: 'committed', sequence: 1235, burstMicros: 41_000 }],
  staged: [{ type: 'staged', sequence: 1240 }],
  left: [{ type: 'left', sequence: 1240 }],
  overtaken: [{ type: 'overtaken', sequence: 1242 }],
  durable: [{ type: 'durable', sequence: 1235 }],
  list: [
    { type: 'list', request: 1, within: '.', after: null, digests: false },
    { type: 'list', request: 2, within: 'media', after: '17/index.php', digests: true },
  ],
  summarize: [
    { type: 'summarize', request: 5, after: null, owners: true },
    { type: 'summarize', request: 6, after: '17/', owners: false },
  ],
  expand: [
    { type: 'expand', request: 7, within: ['.', 'media'], after: null },
    { type: 'expand', request: 8, within: ['media'], after: '0/index.php' },
  ],
  want: [
    {
      type: 'want',
      request: 3,
      paths: [
        ['.', null],
        ['index.php', DIGEST],
        ['a\\b/\u00fc \n"c"', null],
      ],
    },
  ],
  repaired: [{ type: 'repaired', request: 3 }],
  resynced: [{ type: 'resynced', sequence: 1234 }],
  failing: [
    { type: 'failing', error: { code: 'ENOSPC', message: 'no space left on device' } },
    { type: 'failing', error: null },
  ],
  owed: [
    { type: 'owed', count: 2, paths: [{ path: 'app/etc/env.php', code: 'EPERM' }] },
    { type: 'owed', count: 0, paths: [] },
  ],
  ready: [{ type: 'ready', ready: true }],
  trash: [
    { type: 'trash', batches: 2, bytes: 4096, oldest: 1_769_847_300_000 },
    { type: 'trash', batches: 0, bytes: 0, oldest: null },
  ],
  'resync-progress': [
    {
      type: 'resync-progress',
      id: 1,
      state: 'running',
      checked: 2000,
      missing: 1,
      changed: 0,
      extraneous: 1,
      repaired: 0,
      bytes: 0,
      differences: [
        { path: 'index.php', kind: 'missing' },
        { path: 'old.php', kind: 'extraneous' },
      ],
      error: null,
    },
    {
      type: 'resync-progress',
      id: 1,
      state: 'failed',
      checked: 2004,
      missing: 1,
      changed: 0,
      extraneous: 1,
      repaired: 1,
      bytes: 0,
      differences: [],
      error: 'old.php: EACCES: permission denied',
    },
  ],
}

export const EXAMPLES_TO_RECEIVER: ExamplesOf<ToReceiver> = {
  welcome: [
    {
      type: 'welcome',
      software: '0.1.0',
      epoch: 'q83vEjRWeJA',
      term: 'Zm9vYmFyYmE',
      head: 1240,
      start: 'replay',
      sequence: 1234,
      reason: 'known position',
      total: { entries: 112_260, bytes: 852_492_288 },
      filter: ['/var/cache/', '*.log', '!keep.log'],
      othersCurrent: true,
      prepared: null,
      released: 1240,
      clash: null,
    },
    {
      type: 'welcome',
      software: '0.1.0',
      epoch: 'q83vEjRWeJA',
      term: 'Zm9vYmFyYmE',
      head: 1240,
      start: 'resync',
      sequence: 1240,
      reason: 'first join',
      total: { entries: 0, bytes: 0 },
      filter: [],
      othersCurrent: false,
      prepared: 1240,
      released: 0,
      clash: 'two nodes use the token of web1: a (192.0.2.1) and b (192.0.2.2)',
      preserve: { acls: true, xattrs: ['user', 'capability'], hardLinks: true },
    },
  ],
  changeset: [
    { type: 'changeset', base: 1200, from: 1234, to: 1240, head: 1240, request: null, changes: 10, bytes: 4096 },
    { type: 'changeset', base: 1240, from: 1240, to: 1240, head: 1240, request: 3, changes: 3, bytes: 2048 },
  ],
  segment: [
    {
      type: 'segment',
      index: 0,
      encoding: 'zstd',
      bytes: 121,
      tarBytes: 2048,
      changes: [
        { path: 'old.php', kind: 'absent' },
        { path: '.', kind: 'directory', ...attributes, mode: 0o2775 },
        { path: 'media', kind: 'directory', ...attributes, mode: 0o755, extended },
        { path: 'current', kind: 'symlink', ...attributes, mode: 0o777, mtime: -1, target: '../releases/7' },
        fileAt('index.php', 'tar'),
        fileAt('config.php', 'keep'),
        fileAt('copy.php', { copy: 'index.php' }),
        { path: 'link.php', kind: 'link', to: 'index.php', size: 6, mtime: attributes.mtime },
        { ...fileAt('again.php', 'keep'), link: 'index.php' },
      ],
      slice: null,
      to: 1236,
      users: [[33, 'www-data']],
      groups: [[33, 'www-data']],
    },
    {
      type: 'segment',
      index: 1,
      encoding: 'tar',
      bytes: 2048,
      tarBytes: 2048,
      changes: [fileAt('var/import.csv', 'slices')],
      slice: { path: 'var/import.csv', content: 1199, offset: 0, length: 6, size: 6, delta: null },
      to: 1240,
      users: [],
      groups: [],
    },
    {
      type: 'segment',
      index: 0,
      encoding: 'tar',
      bytes: 2048,
      tarBytes: 2048,
      changes: [],
      slice: {
        path: 'var/shop.sql',
        content: 1238,
        offset: 0,
        length: 67_108_864,
        size: 1_073_741_824,
        delta: {
          base: 1_073_741_830,
          steps: [
            [0, 40_000],
            [null, 6],
            [40_012, 67_068_858],
          ],
        },
      },
      to: null,
      users: [],
      groups: [],
    },
  ],
  overtake: [
    {
      type: 'overtake',
      to: 1242,
      encoding: 'tar',
      bytes: 2048,
      tarBytes: 2048,
      changes: [
        { path: 'upload.part', kind: 'absent' },
        { path: 'media', kind: 'directory', ...attributes, mode: 0o2775, extended },
        fileAt('index.php', 'tar'),
        fileAt('config.php', 'keep'),
      ],
      users: [[33, 'www-data']],
      groups: [[33, 'www-data']],
    },
  ],
  commit: [{ type: 'commit', to: 1240 }],
  prepare: [{ type: 'prepare', to: 1240, doubtMs: 6_000 }],
  leave: [{ type: 'leave', to: 1240 }],
  listing: [
    {
      type: 'listing',
      request: 2,
      sequence: 1240,
      directories: [
        { path: '', entries: [['.', 'd', 0o755, 33, 33, attributes.mtime]], complete: true },
        {
          path: '.',
          entries: [
            ['index.php', 'f', 0o644, 33, 33, attributes.mtime, 6, DIGEST],
            ['import.csv', 'f', 0o644, 33, 33, attributes.mtime, 16_774_144, null],
            ['current', 'l', 0o777, 33, 33, -1, '../releases/7'],
            ['media', 'd', 0o2775, 33, 33, 0],
            ['upload.part', 'u'],
          ],
          complete: false,
          extended: [['media', extended]],
          links: [['import.csv', 'var/import.csv']],
        },
        { path: 'media', entries: [], complete: true },
      ],
      users: [[33, 'www-data']],
      groups: [[33, 'www-data']],
      next: '1/media',
    },
    { type: 'listing', request: 4, sequence: 1240, directories: [], users: [], groups: [], next: null },
  ],
  summary: [
    {
      type: 'summary',
      request: 5,
      sequence: 1240,
      directories: [
        [0, '.', 4, 'AKujkozWIq1nwPgezVqoaZ'],
        [0, 'media/catalog', 2, null],
        [1, 'wysiwyg', 0, '47DEQpj8HBSa-_TImW-5JC'],
      ],
      users: [[33, 'www-data']],
      groups: [[33, 'www-data']],
      next: '17/',
    },
    { type: 'summary', request: 6, sequence: 1240, directories: [], users: [], groups: [], next: null },
  ],
  resync: [
    { type: 'resync', id: 1, within: ['.'], check: 'metadata', dryRun: false },
    { type: 'resync', id: 2, within: ['media', 'app/etc'], check: 'content', dryRun: true },
    { type: 'resync', id: 3, within: ['.'], check: 'metadata', dryRun: false, summaries: true },
  ],
  'cancel-resync': [{ type: 'cancel-resync', id: 2 }],
}

/**
 * Test files that run in one process, by the name of that process's file in `test/`: their cases share daemons. What one
 * leaves behind in the configurations of these, the roots apart, the next one finds; a file that revokes their tokens comes
 * last.
 */
export const FILES_THAT_SHARE = {
  'one-receiver': [
    'e2e/excluded-places',
    'e2e/not-protected',
    'e2e/first-join',
    'e2e/hook-runs',
    'e2e/receiver-health',
    'e2e/hooks',
    'e2e/lag',
    'e2e/new-mapping',
    'e2e/one-host',
    'e2e/overtake',
    'e2e/restarts',
    'e2e/status-watch',
  ],
  'two-receivers': [
    'e2e/deploy',
    'e2e/changes',
    'e2e/hold',
    'e2e/operators',
    'e2e/owed-paths',
    'e2e/line-limits',
    'e2e/rolling',
    'e2e/after-all',
    'e2e/resync',
  ],
  'three-receivers': ['e2e/together', 'e2e/both-ends'],
  volumes: [
    'faults/target-gone',
    'faults/borders-of-sources',
    'faults/shared-volumes',
    'faults/coarse-times',
    'faults/borders-in-trouble',
    'faults/volumes-that-vanish',
    'faults/trash-on-filesystems',
  ],
} as const

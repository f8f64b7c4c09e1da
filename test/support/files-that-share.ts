/**
 * Files of test/e2e of which the cases share daemons, by the number of receivers. What one leaves behind in their
 * configurations, the roots apart, the next one finds; a file that revokes their tokens comes last.
 */
export const FILES_THAT_SHARE = {
  1: ['excluded-places', 'not-protected', 'first-join', 'hook-runs', 'receiver-health'],
  2: ['deploy', 'changes', 'hold', 'operators', 'owed-paths', 'after-all', 'resync'],
} as const

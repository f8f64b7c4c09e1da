/** Entry of rootferry-agent: the only file of the package that touches the process. */

if (process.argv[2] === 'run') {
  // A HUP may come while a daemon is starting, and would end it: everything else is loaded after this line. What is read
  // later is read in its present state, so such a HUP needs no other answer.
  process.on('SIGHUP', () => undefined)
  const { loadAhead } = await import('@rootferry/host/machine/spare-thread')
  const { ROOT_WORKER } = await import('./root-worker-url.ts')
  // There is no agent without a root.
  loadAhead(ROOT_WORKER, 'root')
}

const { agentCommand, runCommand, tuneCollector } = await import('./cli/index.ts')

tuneCollector()
// What this program makes is for nobody else. What `deploy` runs makes files of the docroot, as its caller would.
const OWN_UMASK = 0o077
const callersUmask = process.umask(OWN_UMASK)

function withCallersUmask<Started>(start: () => Started): Started {
  process.umask(callersUmask)
  try {
    return start()
  } finally {
    process.umask(OWN_UMASK)
  }
}

await runCommand('rootferry-agent', process, (terminal) =>
  agentCommand(terminal, { token: process.env['ROOTFERRY_TOKEN'], withCallersUmask }),
)

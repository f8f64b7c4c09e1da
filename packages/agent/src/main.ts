/** Entry of rootferry-agent: the only file of the package that touches the process. */

// A HUP may come while a daemon is starting, and would end it: everything else is loaded after this line. What is read
// later is read in its present state, so such a HUP needs no other answer.
if (process.argv[2] === 'run') process.on('SIGHUP', () => undefined)

const { agentCommand, runCommand, tuneCollector } = await import('./cli/index.ts')

tuneCollector()
process.umask(0o077)
await runCommand('rootferry-agent', process, (terminal) => agentCommand(terminal, process.env['ROOTFERRY_TOKEN']))

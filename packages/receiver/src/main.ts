/** Entry of rootferry-receiver: the only file of the package that touches the process. */

// A HUP may come while a daemon is starting, and would end it: everything else is loaded after this line. What is read
// later is read in its present state, so such a HUP needs no other answer.
if (process.argv[2] === 'run') process.on('SIGHUP', () => undefined)

const { receiverCommand, runCommand, tuneCollector } = await import('./cli/index.ts')

tuneCollector()
// Files get exactly the modes that they are created with, which are the agent's.
const umask = process.umask(0)
const environment = { token: process.env['ROOTFERRY_TOKEN'], umask }
await runCommand('rootferry-receiver', process, (terminal) => receiverCommand(terminal, environment))

#!/usr/bin/env node
/** The command of a checkout: runs what ships, the bundle that an install or `npm run bundle` makes. */
import '../bundle/main.js'

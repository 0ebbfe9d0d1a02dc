// Package program wires a configuration to a running agent: where files lie,
// what the configuration and the policy say, how the network is reached, and
// which agent serves a command: the one that runs, or one in this process.
//
// Both commands, with and without windows, are built on it.
package program

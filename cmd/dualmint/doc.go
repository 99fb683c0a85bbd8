// Command dualmint is the whole product in one binary: the server, the operator's commands and the demonstration.
//
// It joins the packages of internal and owns the order of start and stop, the commands with their output and exit codes, and the
// clock that everything else is handed. It refuses to hold rules: whatever could be decided elsewhere is. Start reading at main.go;
// serve.go starts and stops the server, and every other command has a file of its name.
package main

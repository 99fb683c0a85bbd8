// Package sheet writes tables for spreadsheets as RFC 4180 has it.
//
// It owns one rule: no cell is a formula (R49). What a spreadsheet would run begins with an apostrophe and is text. It refuses to know
// what the cells mean. Start reading at sheet.go.
package sheet

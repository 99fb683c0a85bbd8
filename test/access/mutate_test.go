package access

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// everyChange is s with each character replaced by each other one of base62, and by a few that are not.
func everyChange(s string) []string {
	var out []string
	for i := range len(s) {
		for _, c := range base62 + "_-. " {
			if byte(c) != s[i] {
				out = append(out, s[:i]+string(c)+s[i+1:])
			}
		}
	}
	return out
}

// everyFourthChange changes every character once, and more of them where there are too many for all: it is for JWTs, whose
// changes the modes' own tests try in full.
func everyFourthChange(s string) []string {
	var out []string
	for i := range len(s) {
		out = append(out, s[:i]+string(another(s[i]))+s[i+1:])
		if i%4 == 0 {
			out = append(out, s[:i]+swapCase(s[i:i+1])+s[i+1:], s[:i]+"="+s[i+1:])
		}
	}
	return slices.DeleteFunc(out, func(c string) bool { return c == s })
}

// everyCut is every proper beginning and end of s that is not empty, and s without each one character.
func everyCut(s string) []string {
	var out []string
	for i := 1; i < len(s); i += 1 + len(s)/200 {
		out = append(out, s[:i], s[i:], s[:i]+s[i+1:])
	}
	return append(out, s[:len(s)-1])
}

// dressed is s with something around it or in another case.
func dressed(s string) []string {
	out := []string{
		" " + s, s + " ", "\t" + s, s + "\n", s + "\x00", s + s, s + "0", "Bearer " + s, strings.ToUpper(s), strings.ToLower(s),
		swapCase(s), strings.Replace(s, "_", "-", 1), url.QueryEscape("%" + s), s + ".", "." + s, s + "..", "\ufeff" + s, s + "\u200b",
		strings.Replace(s, "a", "\u0430", 1) + "\u0430",
	}
	return slices.DeleteFunc(out, func(c string) bool { return c == s }) // not every token has an underscore
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// another is a base62 character that is not c.
func another(c byte) byte {
	if c == 'x' {
		return 'y'
	}
	return 'x'
}

func escape(s string) string { return url.QueryEscape(s) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }

func now() time.Time { return time.Now() }

package bodies

import (
	"fmt"
	"strings"
)

// values are JSON values that the grammar of RFC 8259 allows, by its sections.
func values() []string {
	v := []string{
		// 3: literals
		`null`, `true`, `false`,
		// 6: numbers
		`0`, `-0`, `1`, `-1`, `10`, `1.0`, `-0.0`, `1.5`, `0.1`, `1e1`, `1E1`, `1e+1`, `1e-1`, `0e0`, `0E+0`, `1.5e300`, `-1.5E-300`, `1e308`,
		`-1e308`, `1e309`, `-1e309`, `1e400`, `1e-400`, `5e-324`, `1e9999999999999999999`, `1e-9999999999999999999`, `0e9999999999999999999`,
		`9007199254740991`, `9007199254740992`, `9007199254740993`, `-9007199254740993`, `9223372036854775807`, `9223372036854775808`,
		`-9223372036854775808`, `-9223372036854775809`, `18446744073709551616`, `0.1000000000000000055511151231257827`,
		`123456789012345678901234567890`, strings.Repeat("9", 400), "0." + strings.Repeat("0", 400) + "1", "1" + strings.Repeat("0", 309),
		// 7: strings
		`""`, `" "`, `"a"`, `"\""`, `"\\"`, `"\/"`, `"/"`, `"\b\f\n\r\t"`, `"\u0000"`, `"a\u0000b"`, `"\u0001"`, `"\u001f"`, `"\u007f"`,
		`"\u0080"`, `"\u00e9"`, `"\u00E9"`, `"é"`, `"\u2028\u2029"`, "\"\u2028\u2029\"", `"\uffff"`, `"\ufffe"`, `"\ufeff"`, `"\ufffd"`,
		`"\ud83d\ude00"`, `"😀"`, `"\uD83D\uDE00"`, `"\ud800"`, `"\udc00"`, `"\ude00\ud83d"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`,
		`"\ud83d\ud83d\ude00"`, `"\udbff\udfff"`, "\"\x7f\"", `"<script>"`, `"'; DROP TABLE machines; --"`, `"%s%n%x"`, `"${jndi:x}"`, `"../../etc"`,
		`"` + strings.Repeat("a", 255) + `"`, `"` + strings.Repeat("a", 256) + `"`, `"` + strings.Repeat("é", 255) + `"`,
		`"` + strings.Repeat("😀", 255) + `"`, `"` + strings.Repeat(`\u0000`, 300) + `"`, `"` + strings.Repeat("x", 12000) + `"`,
		`"e\u0301"`, `"\u202e\u2066"`, `"\u200b"`, `"mt_` + strings.Repeat("a", 38) + `"`, `"a.b.c"`, `"mch_` + strings.Repeat("0", 27) + `"`, `".."`,
		// 5: arrays
		`[]`, `[ ]`, `[null]`, `[1]`, `[1,2,3]`, `[[]]`, `[[],[]]`, `[{}]`, `[""]`, `["a",1,true,null,{},[]]`, "[\n1\t,\r2 ]",
		`[` + strings.Repeat(`"a",`, 300) + `"a"]`, `["\ud800"]`, `["\u0000"]`,
		// 4: objects
		`{}`, `{ }`, `{"a":1}`, `{"":0}`, `{"a":null}`, `{"a":{}}`, `{"a":[]}`, `{"a":{"b":{"c":{}}}}`, `{"\u0000":1}`, `{"\ud800":1}`, `{"a\u0062":1}`,
		`{"a":1,"b":2}`, `{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"a":1,"A":2}`, `{"é":1,"e\u0301":2}`, `{"__proto__":{}}`,
		`{"constructor":{"prototype":{}}}`, `{"$where":"1"}`, `{"sub":"x"}`, `{"SUB":"x"}`, `{"\u017fub":"x"}`, `{"` + strings.Repeat("k", 5000) + `":1}`,
		`{"a":"` + strings.Repeat("v", 5000) + `"}`, `{"a":1e999}`, `{"a":9007199254740993}`, `{"a":-0}`, `{"a":"\ud800"}`, `{"a":"\u0000"}`,
	}
	for _, depth := range []int{7, 8, 9, 31, 32, 33, 100, 2000, 5000} {
		v = append(v,
			strings.Repeat(`[`, depth)+strings.Repeat(`]`, depth),
			strings.Repeat(`{"a":`, depth)+`1`+strings.Repeat(`}`, depth))
	}
	for _, n := range []int{63, 64, 65, 1000} {
		var b strings.Builder
		b.WriteString(`{"k":0`)
		for i := range n - 1 {
			fmt.Fprintf(&b, `,"k%d":%d`, i, i)
		}
		v = append(v, b.String()+`}`)
	}
	return v
}

// violations are texts that the grammar forbids, and that some parser somewhere accepts.
func violations() []string {
	v := []string{
		// cut short
		`{`, `}`, `[`, `]`, `"`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,"`, `[1`, `[1,`, `{"a":[1}`, `{"a":"`, `{"a":"\`, `{"a":"\u`,
		`{"a":"\u00`, `{"a":"\ud83d\u`, `{"a":t`, `{"a":-`, `{"a":1.`, `{"a":1e`, `{"a":1e+`,
		// something behind
		`{}{}`, `{} {}`, `{}[]`, `{},`, `{}x`, `{}null`, "{}\x00", "{}\n\n1", `{}//`, `{}}`, `{"a":1}}`, "{}\u00a0", "{}\xef\xbb\xbf",
		// something before
		"\xef\xbb\xbf{}", "\u00a0{}", "\v{}", "\f{}", `,{}`, `x{}`, ")]}'\n{}", "\x00{}", `//` + "\n{}", `/**/{}`, "\x1e{}\n", "--x\r\n\r\n{}",
		// commas and colons
		`{,}`, `{"a":1,}`, `{,"a":1}`, `{"a":1,,"b":2}`, `{"a"}`, `{"a",1}`, `{"a"=1}`, `{"a":1;"b":2}`, `{"a"::1}`, `{:1}`, `{"a":}`, `{"a" "b":1}`,
		`[1,]`, `[,1]`, `[1,,2]`, `[1 2]`, `{"a":1 "b":2}`, `{"a":[1,]}`, `{"a":[,]}`,
		// names
		`{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `{[]:1}`, `{{}:1}`, "{`a`:1}", `{"a\":1}`, `{"\x":1}`, `{"\u00g0":1}`,
		// strings
		`{"a":'b'}`, "{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"\x00\"}", "{\"a\":\"\x1f\"}", `{"a":"\a"}`, `{"a":"\x41"}`, `{"a":"\0"}`, `{"a":"\u"}`,
		`{"a":"\u12"}`, `{"a":"\U0001F600"}`, `{"a":"\u{1F600}"}`, `{"a":"\'"}`, "{\"a\":\"\\\n\"}", `{"a":"b" "c"}`, `{"a":b}`, `{"a":"b"c}`,
		// bytes that are no UTF-8
		"{\"a\":\"\xff\"}", "{\"a\":\"\xfe\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xe2\x82\"}", "{\"a\":\"\xed\xa0\x80\"}",
		"{\"a\":\"\xed\xb0\x80\"}", "{\"a\":\"\xed\xa0\xbd\xed\xb8\x80\"}", "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xf8\x88\x80\x80\x80\"}", "{\"\xff\":1}",
		"{\"a\":\"\x80\"}", "{\"a\":\"é\xc3\"}", "\xff\xfe{\x00}\x00", "\xfe\xff\x00{\x00}", "{\xe9:1}", "{\"a\":\"caf\xe9\"}",
		// numbers
		`{"a":+1}`, `{"a":01}`, `{"a":-01}`, `{"a":00}`, `{"a":.5}`, `{"a":-.5}`, `{"a":5.}`, `{"a":1.e1}`, `{"a":1e1.5}`, `{"a":1e}`, `{"a":0x10}`,
		`{"a":0b1}`, `{"a":0o7}`, `{"a":1_000}`, `{"a":1,000}`, `{"a":1 000}`, `{"a":--1}`, `{"a":-}`, `{"a":1-1}`, `{"a":NaN}`, `{"a":nan}`, `{"a":Infinity}`,
		`{"a":-Infinity}`, `{"a":inf}`, `{"a":1f}`, `{"a":1n}`, `{"a":1L}`, `{"a":１}`, `{"a":1e１}`, `{"a":²}`,
		// literals
		`{"a":True}`, `{"a":TRUE}`, `{"a":nul}`, `{"a":nulll}`, `{"a":None}`, `{"a":undefined}`, `{"a":falsey}`, `{"a":tru e}`, `nul`, `NULL`, `True`, `undefined`,
		// what is not an object at all
		`true`, `false`, `0`, `-1`, `1e5`, `""`, `"null"`, `[]`, `[{}]`, `[null]`, `"{}"`, `x`, `<xml/>`, `a=b&c=d`, `---` + "\na: 1", "\x00", "\xff", "\x80\x81",
		// comments, dialects and other things that are not JSON
		`{/**/}`, `{"a":1/*x*/}`, "{\"a\":1//x\n}", `{#x` + "\n}", `{"a":/x/}`, `{"a":function(){}}`, `{"a":new Date(0)}`, `{"a":@x}`, `(function(){})`, `{...{}}`,
		`<!--{}-->`, `{"a":<b>}`, `{"a":"b"+"c"}`, `{"a":[1...2]}`, `{"$ref":"#"}`, "{\"a\":\u00a01}", "{\u2028\"a\":1}", "{\"a\":\v1}", "{\"a\"\x00:1}",
		// twice the same
		`{"a":1,"a":2}`, `{"name":"a","name":"b"}`, `{"token":"a","token":"b"}`, `{"token":"a","\u0074oken":"b"}`, `{"claims":{},"claims":{}}`,
		`{"claims":{"a":{"b":1,"b":2}}}`,
		// deep, and deep without an end
		strings.Repeat("[", 60000), strings.Repeat(`{"a":`, 10000), strings.Repeat("[{", 20000), `{"a":` + strings.Repeat("[", 20000), strings.Repeat("]", 1000),
		strings.Repeat(`"`, 10001), strings.Repeat(`\`, 10000), strings.Repeat("-", 10000), strings.Repeat(" ", 10000), strings.Repeat("{}", 5000),
	}
	return v
}

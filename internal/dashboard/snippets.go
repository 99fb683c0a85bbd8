package dashboard

import (
	"github.com/dualmint/dualmint/internal/m2m"
)

// snippets are lines to paste, filled in for this instance. The secret itself is in none of them: it is looked at on a page of its own.
type snippets struct {
	Env    string // for a .env file, but for the secret
	Create string // curl: a token as the machine
	Verify string // curl: the receiver checks it
	Go     string
	Node   string
}

// env is the lines of a .env file, by the names that docs/integrate and the examples read.
func (d *dashboard) env(id, secret string) string {
	return "DUALMINT_ISSUER=" + d.Issuer + "\nMACHINE_ID=" + id + "\nMACHINE_SECRET=" + secret
}

// teach fills in the snippets, for a machine or for one to come.
func (d *dashboard) teach(m *m2m.Machine) snippets {
	receiver := "mch_..."
	if m != nil {
		receiver = string(m.ID)
	}
	return snippets{
		Env: d.env(receiver, "ak_..."),
		Create: "curl -sS " + d.Issuer + "/v1/m2m_tokens \\\n" +
			"  -H \"Authorization: Bearer $MACHINE_SECRET\" \\\n" +
			"  -H 'Content-Type: application/json' \\\n" +
			"  -d '{\"token_format\":\"opaque\",\"seconds_until_expiration\":600}'",
		Verify: "curl -sS " + d.Issuer + "/v1/m2m_tokens/verify \\\n" +
			"  -H \"Authorization: Bearer $MACHINE_SECRET\" \\\n" +
			"  -H 'Content-Type: application/json' \\\n" +
			"  -d \"{\\\"token\\\":\\\"$TOKEN\\\"}\"",
		Go: "source, err := client.New(client.Config{\n\tIssuer: \"" + d.Issuer + "\",\n\tSecret: os.Getenv(\"MACHINE_SECRET\"),\n})\n" +
			"http.DefaultClient.Transport = source.Transport(nil) // calls carry a token\n\n" +
			"v, err := verify.New(verify.Config{\n\tIssuer:  \"" + d.Issuer + "\",\n\tMachine: \"" + receiver + "\",\n\tSecret:  os.Getenv(\"MACHINE_SECRET\"),\n})\n" +
			"http.Handle(\"/\", v.Middleware(yours)) // and are checked",
		Node: "import { createClerkClient } from '@clerk/backend';\n\n" +
			"const issuer = createClerkClient({\n  apiUrl: '" + d.Issuer + "',\n  machineSecretKey: process.env.MACHINE_SECRET,\n});\n" +
			"const { token } = await issuer.m2m.createToken(); // the caller\n" +
			"await issuer.m2m.verify({ token });               // the receiver",
	}
}

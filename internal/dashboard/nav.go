package dashboard

// section is an entry of the navigation.
type section struct {
	Name    string // also what page.Section says
	Path    string
	Current bool
}

// sections is the navigation, in its order.
func sections(current string) []section {
	all := []section{
		{Name: "Overview", Path: Root},
		{Name: "Machines", Path: Root + "/machines"},
		{Name: "Graph", Path: Root + "/graph"},
		{Name: "Tokens", Path: Root + "/tokens"},
		{Name: "Usage", Path: Root + "/usage"},
		{Name: "Keys", Path: Root + "/keys"},
		{Name: "Audit", Path: Root + "/audit"},
	}
	for i := range all {
		all[i].Current = all[i].Name == current
	}
	return all
}

package dashboard

import "net/http"

func (d *dashboard) signOut(x *exchange) error {
	if _, err := x.form(); err != nil {
		return err
	}
	if err := d.Sessions.SignOut(x.ctx(), x.actor(), x.session.Hash); err != nil {
		return err
	}
	x.setSession("")
	return x.redirect(signInPath)
}

func (d *dashboard) signOutEverywherePage(x *exchange) error {
	return x.show(http.StatusOK, page{Name: "signout_everywhere", Title: "Sign out everywhere", Body: x.session})
}

func (d *dashboard) signOutEverywhere(x *exchange) error {
	if _, err := x.form(); err != nil {
		return err
	}
	if _, err := d.Sessions.SignOutEverywhere(x.ctx(), x.actor()); err != nil {
		return err
	}
	x.setSession("")
	return x.redirect(signInPath)
}

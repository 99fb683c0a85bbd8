package store

import (
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

type machineRow struct {
	ID            string `gorm:"primaryKey"`
	Name          string
	DefaultTTL    *int64 // seconds; nil: endless
	DefaultFormat string
	PublicJWK     *string
	CreatedAt     int64 `gorm:"autoCreateTime:false"`
	UpdatedAt     int64 `gorm:"autoUpdateTime:false"`
	DeletedAt     *int64
}

// TableName is for gorm.
func (machineRow) TableName() string { return "machines" }

func rowOf(m m2m.Machine) machineRow {
	r := machineRow{
		ID: string(m.ID), Name: m.Name, DefaultFormat: string(m.DefaultFormat),
		CreatedAt: millis(m.CreatedAt), UpdatedAt: millis(m.UpdatedAt),
	}
	if !m.Endless {
		seconds := int64(m.DefaultTTL / time.Second)
		r.DefaultTTL = &seconds
	}
	if m.PublicJWK != nil {
		jwk := string(m.PublicJWK)
		r.PublicJWK = &jwk
	}
	return r
}

func (r machineRow) machine() m2m.Machine {
	m := m2m.Machine{
		ID: m2m.MachineID(r.ID), Name: r.Name, Endless: r.DefaultTTL == nil, DefaultFormat: m2m.Format(r.DefaultFormat),
		CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
	}
	if r.DefaultTTL != nil {
		m.DefaultTTL = time.Duration(*r.DefaultTTL) * time.Second
	}
	if r.PublicJWK != nil {
		m.PublicJWK = []byte(*r.PublicJWK)
	}
	return m
}

// scopedRow is a machine and who may call it.
type scopedRow struct {
	Machine machineRow `gorm:"embedded"`
	FromID  string
}

// withScopes adds to machines the living ones that they may call, with one query for all.
func withScopes(tx *gorm.DB, rows []machineRow) ([]machines.Detail, error) {
	page := make([]machines.Detail, len(rows))
	if len(rows) == 0 {
		return page, nil
	}
	ids := make([]string, len(rows))
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		page[i] = machines.Detail{Machine: r.machine(), Scoped: []m2m.Machine{}}
		page[i].Scopes = m2m.Scopes{}
		ids[i], at[r.ID] = r.ID, i
	}
	var scoped []scopedRow
	err := tx.Table("machine_scopes AS s").
		Select("s.from_id, m.id, m.name, m.default_ttl, m.default_format, m.public_jwk, m.created_at, m.updated_at").
		Joins("JOIN machines AS m ON m.id = s.to_id AND m.deleted_at IS NULL").
		Where("s.from_id IN ?", ids).Order("s.from_id, s.position").Find(&scoped).Error
	if err != nil {
		return nil, err
	}
	for _, s := range scoped {
		d := &page[at[s.FromID]]
		d.Scopes = append(d.Scopes, m2m.MachineID(s.Machine.ID))
		d.Scoped = append(d.Scoped, s.Machine.machine())
	}
	return page, nil
}

func texts(ids []m2m.MachineID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = storable(string(id))
	}
	return out
}

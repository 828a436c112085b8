package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

// MaxUpload is in bytes of a package that is uploaded to the console. The command
// line takes archive.MaxPackage.
const MaxUpload = 16 << 20

// KeptPackage is a package between its upload and its import.
type KeptPackage struct {
	ID string
	// Content is what was uploaded. While it is sealed, nobody has given its
	// passphrase yet.
	Content []byte
	Choices PackageChoices

	session string
}

type keptPackageRow struct {
	ID        string `gorm:"primaryKey"`
	ProjectID string
	Content   []byte
	Choices   []byte
	CreatedBy string
	TouchedAt time.Time
}

// TableName implements gorm's schema.Tabler.
func (keptPackageRow) TableName() string { return "package_imports" }

// place is what a column is sealed for: the session too, so that it opens in
// no other.
func (k KeptPackage) place(column string) string {
	return "package_imports/" + k.ID + "/" + column + "/" + k.session
}

// KeepPackage keeps a package between its upload and its import, sealed, in the
// place of the one that the same person kept before. The id is only good for the
// same person, session and project, and for half an hour after it was last used.
func (s *Store) KeepPackage(ctx context.Context, by Actor, session, projectID string, content []byte) (string, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	row := keptPackageRow{ID: newID(), ProjectID: project.ID, Choices: []byte{}, CreatedBy: by.Name, TouchedAt: s.now()}
	if row.Content, err = s.sealer.Seal(content, KeptPackage{ID: row.ID, session: session}.place("content")); err != nil {
		return "", fmt.Errorf("keep package: %w", err)
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "delete from package_imports where created_by = ?", by.Name); err != nil {
			return err
		}
		return from[keptPackageRow](tx).Create(ctx, &row)
	})
	if err != nil {
		return "", fmt.Errorf("keep package: %w", err)
	}
	return row.ID, nil
}

// KeptPackage is a package that the same person has uploaded in the same session,
// or ErrNotFound.
func (s *Store) KeptPackage(ctx context.Context, by Actor, session, projectID, id string) (KeptPackage, error) {
	if !isID(id) || !isID(projectID) {
		return KeptPackage{}, fmt.Errorf("read kept package: %w", ErrNotFound)
	}
	row, err := found(from[keptPackageRow](s.db).Where("id = ? and project_id = ? and created_by = ? and touched_at > ?",
		id, projectID, by.Name, s.now().Add(-importKept)).Take(ctx))
	if err != nil {
		return KeptPackage{}, fmt.Errorf("read kept package: %w", err)
	}
	kept := KeptPackage{ID: id, Choices: PackageChoices{}, session: session}
	if kept.Content, err = s.sealer.Open(row.Content, kept.place("content")); err != nil {
		return KeptPackage{}, fmt.Errorf("open kept package in another session: %w", ErrNotFound)
	}
	if len(row.Choices) == 0 {
		return kept, nil
	}
	plain, err := s.sealer.Open(row.Choices, kept.place("choices"))
	if err != nil {
		return kept, fmt.Errorf("open choices of kept package: %w", err)
	}
	kept.Choices, err = readChoices(plain)
	return kept, err
}

// UnlockPackage puts what a passphrase opened in the place of a kept package.
func (s *Store) UnlockPackage(ctx context.Context, by Actor, kept KeptPackage, content []byte) error {
	return s.touchKept(ctx, by, kept, "content", content)
}

// ChooseForPackage keeps choices with a package.
func (s *Store) ChooseForPackage(ctx context.Context, by Actor, kept KeptPackage, choices PackageChoices) error {
	plain, err := writeChoices(choices)
	if err != nil {
		return err
	}
	return s.touchKept(ctx, by, kept, "choices", plain)
}

func (s *Store) touchKept(ctx context.Context, by Actor, kept KeptPackage, column string, plain []byte) error {
	sealed, err := s.sealer.Seal(plain, kept.place(column))
	if err != nil {
		return fmt.Errorf("keep package: %w", err)
	}
	n, err := exec(ctx, s.db, "update package_imports set "+column+" = ?, touched_at = ? where id = ? and created_by = ?", sealed, s.now(), kept.ID, by.Name)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("keep package: %w", err)
	}
	return nil
}

// ForgetPackage removes a kept package: it is imported, or not wanted.
func (s *Store) ForgetPackage(ctx context.Context, by Actor, id string) error {
	if !isID(id) {
		return nil
	}
	if _, err := exec(ctx, s.db, "delete from package_imports where id = ? and created_by = ?", id, by.Name); err != nil {
		return fmt.Errorf("forget package: %w", err)
	}
	return nil
}

// forgetPackages removes what nobody came back to.
func (s *Store) forgetPackages(ctx context.Context) error {
	if _, err := exec(ctx, s.db, "delete from package_imports where touched_at <= ?", s.now().Add(-importKept)); err != nil {
		return fmt.Errorf("forget packages: %w", err)
	}
	return nil
}

// keptChoice is a choice as it is kept, which is sealed.
type keptChoice struct {
	Ref            archive.Ref
	Wish           PackageWish
	Name, BasePath string
	Secrets        map[string]string
}

func writeChoices(choices PackageChoices) ([]byte, error) {
	var list []keptChoice
	for ref, c := range choices {
		k := keptChoice{Ref: ref, Wish: c.Wish, Name: c.Name, BasePath: c.BasePath, Secrets: map[string]string{}}
		for field, text := range c.Secrets {
			k.Secrets[field] = text.Reveal()
		}
		list = append(list, k)
	}
	plain, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("keep choices: %w", err)
	}
	return plain, nil
}

func readChoices(plain []byte) (PackageChoices, error) {
	var list []keptChoice
	if json.Unmarshal(plain, &list) != nil {
		return nil, fmt.Errorf("read kept choices: not JSON") // the cause may show a secret
	}
	choices := PackageChoices{}
	for _, k := range list {
		c := PackageChoice{Wish: k.Wish, Name: k.Name, BasePath: k.BasePath}
		for field, text := range k.Secrets {
			if c.Secrets == nil {
				c.Secrets = map[string]secret.Text{}
			}
			c.Secrets[field] = secret.New(text)
		}
		choices[k.Ref.Key()] = c
	}
	return choices, nil
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "The effective configuration, each value with where it came from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			paths, c, err := a.effective()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(c.Values())
			}
			for _, v := range c.Values() {
				a.printf("%-22s %-32s %s\n", v.Key, fmt.Sprint(v.Value), v.Origin)
			}
			a.printf("\nconfiguration  %s\npolicy         %s\nstate          %s\nsocket         %s\n", paths.Config, paths.Policy, paths.State, paths.Socket)
			return nil
		},
	}
}

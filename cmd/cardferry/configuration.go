package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"cardferry/configs"
)

// defaultConfig is where the package puts the configuration.
const defaultConfig = "/etc/cardferry/cardferry.yaml"

// source says where a command takes the configuration from.
type source struct {
	file string
	set  []string
}

func (s *source) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "config", "", "configuration file (default $"+configs.EnvFile+" or "+defaultConfig+")")
	cmd.Flags().StringArrayVar(&s.set, "set", nil, "set a key over the file and the environment: key=value")
}

func (s *source) path() string {
	if s.file != "" {
		return s.file
	}
	if env := os.Getenv(configs.EnvFile); env != "" {
		return env
	}
	return defaultConfig
}

func (s *source) load() (*configs.Config, error) {
	cfg, err := configs.Load(s.path(), s.set)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, configs.Problems{{Source: s.path(), Want: "the configuration file does not exist", Hint: "name one with --config, or write one: cardferry config sample"}}
	}
	return cfg, err
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and show the configuration"}
	var src source
	check := &cobra.Command{
		Use: "check", Short: "Say whether the configuration can be used", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := src.load(); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", src.path())
			return err
		},
	}
	src.register(check)
	sample := &cobra.Command{
		Use: "sample", Short: "Print a commented configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(configs.Sample())
			return err
		},
	}
	cmd.AddCommand(check, sample)
	return cmd
}

// loadOrDefault is load for tools that work without an installed gateway: with
// no file named and none installed they take the defaults and a made-up site.
func (s *source) loadOrDefault() (*configs.Config, error) {
	if _, err := os.Stat(s.path()); s.file == "" && errors.Is(err, fs.ErrNotExist) {
		return configs.Load("", append([]string{"site.id=000000000"}, s.set...))
	}
	return s.load()
}

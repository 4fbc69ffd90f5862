// The loam binary: every verb is a file in cli/verbs/.
#include "cli/cli.h"

int main(int argc, char** argv) {
  loam::Cli cli;
  loam::add_all_verbs(cli);
  return cli.main(argc, argv);
}
